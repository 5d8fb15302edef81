package attended

import (
	"context"
	"log/slog"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/keys"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/restore"
	"github.com/restorefs/restorefs/cmd/source"
)

// Options are what the flags and arguments of materialize ask for.
type Options struct {
	console.Console
	Source         source.Options
	Memory         process.Memory
	Command        string        // the name by which the command was called
	Given          cmdline.Given // as they can be repeated in another command
	Args           []string      // all that were given, to be counted
	Backup, Target string        // as they were named; Target is "" if it is to be found
	Format         string        // raw or qcow2
	DryRun, Force  bool
	NiceIO         bool // give way to others
	Keys           keys.Options
	Decrypt        bool   // the plain disk is wanted
	Rate           string // a rate as it was given, "" for none
	MetadataOut    string // a file, "-" for stdout, "" for the default
	Cloud          CloudOptions
	// Engine is what is asked of the restore itself: Salvage, Overlay, and of Copy what the flags
	// say. prepare and newRestoring complete it.
	Engine restore.Options

	qcow2 bool // Format is qcow2; set by prepare
}

// CloudOptions are the flags of materialize about a volume of a cloud.
type CloudOptions struct {
	Name         string // of the cloud
	Volume       string // id, "" for none
	Rule         string // for the metadata: backup or cinder
	NoMetadata   bool   // data alone
	MetadataOnly bool
	NewVolume    bool       // create one
	Wish         cloud.Wish // for a new volume
	DevicePath   string     // where the device shows, "" if it is named or attached
	Attach       bool       // have Nova attach it
	Server       string     // the id of this machine in the cloud, "" to find it out
	Cleanup      bool       // delete a new volume when the restore fails
}

// keeper returns the rules for files beside a target.
func (o Options) keeper(ctx context.Context, s *locate.Share) restore.Keeper {
	return restore.Keeper{
		Force:   o.Force,
		Outside: func(path string) error { return places.Outside(ctx, s, path) },
	}
}

// stateDir returns the directory for the marker that a device is half written, "" if it cannot be
// used.
func (o Options) stateDir(ctx context.Context, s *locate.Share) string {
	const without = "an interrupted run onto a device will need --delta --force to be continued"
	dir, err := o.Source.Cache.Sub(ctx, s, "state", slog.LevelWarn, without)
	if err != nil {
		o.Source.Logger.Warn(without, "err", err)
	}
	return dir
}
