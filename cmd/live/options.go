package live

import (
	"cmp"
	"path/filepath"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/materialize/live/mapper"
)

// Options are what the flags and arguments of live ask for.
type Options struct {
	console.Console
	Source  source.Options
	Memory  process.Memory
	Record  places.Record // where state files lie, unless State says so
	Command string        // the name by which the command was called
	Given   cmdline.Given // as they can be repeated in another command
	Args    []string      // all that were given
	Name    string        // below /dev/mapper; "": made of the backup's id
	File    string        // a directory to mount the volume in as a file; "": a device is shown
	State   string        // a file; "": made of what identifies the device
	Resume  bool
	Abort   bool
	Force   bool
	NiceIO  bool
	Jobs    int
	Rate    string // a rate as it was given, "" for none

	perSecond  int64
	cacheBytes int64
}

// stateSub is the directory of state files below that of records.
const stateSub = "live"

// stateSuffix is how the state file of a target that is a file is called, beside it.
const stateSuffix = ".restorefs-live"

// backupAndDevice returns what the arguments name; going on needs no backup.
func (o Options) backupAndDevice() (backup, device string, err error) {
	if (o.Resume || o.Abort) && len(o.Args) == 1 {
		return "", o.Args[0], nil
	}
	if o.Abort {
		return "", "", cmdline.WantArgs(o.Command+" --abort", o.Args, "", "DEVICE")
	}
	if err := cmdline.WantArgs(o.Command, o.Args, "", "BACKUP", "DEVICE"); err != nil {
		return "", "", err
	}
	return o.Args[0], o.Args[1], nil
}

// prepare refuses flags that do not go together, before anything is opened, and bounds the memory.
func (o *Options) prepare() (err error) {
	switch {
	case o.Resume && o.Abort:
		return cmdline.Usagef("--resume and --abort exclude each other")
	case o.File != "" && o.Name != "":
		return cmdline.Usagef("--name is of a device below /dev/mapper, which --file does without")
	case o.Name != "":
		if err := mapper.CheckName(o.Name); err != nil {
			return cmdline.Usagef("--name: %w", err)
		}
	}
	if err := o.CheckProgress(); err != nil {
		return err
	}
	if o.Rate != "" {
		if o.perSecond, err = cmdline.ParseRate(o.Rate); err != nil {
			return err
		}
	}
	if o.File != "" {
		if o.File, err = filepath.Abs(o.File); err != nil {
			return err
		}
	}
	if o.NiceIO {
		if err := process.GiveWay(); err != nil {
			return err
		}
	}
	o.cacheBytes, err = o.Memory.Bound()
	return err
}

// nameFor returns the name of the device for a backup.
func (o Options) nameFor(backup string) string {
	const shortID = 8
	return cmp.Or(o.Name, "restorefs-"+backup[:min(len(backup), shortID)])
}
