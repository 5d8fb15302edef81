package attended

import (
	"errors"
	"fmt"

	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// destinationOptions returns what the flags of materialize say about a volume of the cloud, and
// checks that they go together.
func (o Options) destinationOptions() (cloud.Options, error) {
	f := o.Cloud
	out := cloud.Options{
		Rule: cinderapi.Rule(f.Rule), NoMetadata: f.NoMetadata, NoData: f.MetadataOnly,
		Server: f.Server, Cleanup: f.Cleanup, Logger: o.Source.Logger,
		Tell: func(line string) { fmt.Fprintln(o.Err, wording.Printable(line)) },
		Advice: cloud.Advice{
			DataAlone:  "restore without --volume, then the metadata with --metadata-only",
			ThisServer: "say --server with its id",
			OwnDevice:  "give its device as TARGET",
			OtherType:  "--type chooses another",
		},
	}
	switch {
	case out.Rule != cinderapi.RuleBackup && out.Rule != cinderapi.RuleCinder:
		return out, cmdline.Usagef("--metadata-rule is %s or %s",
			cinderapi.RuleBackup, cinderapi.RuleCinder)
	case out.NoMetadata && out.NoData:
		return out, cmdline.Usagef("--no-metadata and --metadata-only leave nothing to do")
	case out.NoData && f.Volume == "":
		return out, cmdline.Usagef("--metadata-only needs --volume VOLUME: the volume whose " +
			"metadata is restored")
	}
	return out, nil
}

// inFlags adds to an error about a volume of the cloud which flags can help.
func inFlags(err error) error {
	if untyped, ok := errors.AsType[*cloud.NoTypeError](err); ok {
		return cmdline.Usagef("backup %s is of an encrypted volume, which can only be read on a "+
			"volume of the same volume type: say it with --type; it was %s",
			untyped.Backup, untyped.Was)
	}
	if _, ok := errors.AsType[*cloud.TakenError](err); ok {
		return fmt.Errorf("%w: when nobody else uses it, "+
			"run the same command again with --delta --force", err)
	}
	return err
}

// findsDevice reports whether materialize finds TARGET itself. If it does not, flags that need that
// are an error.
func (o Options) findsDevice() (bool, error) {
	if o.Cloud.NewVolume || o.Cloud.DevicePath != "" || o.Cloud.Attach {
		return true, nil
	}
	if o.Given.Has("server") && o.Cloud.Volume == "" {
		return false, cmdline.Usagef("--server goes with --attach or --volume")
	}
	return false, o.onlyWithNewVolume()
}

func (o Options) onlyWithNewVolume() error {
	for _, flag := range []string{"type", "availability-zone", "name", "size", "cleanup"} {
		if o.Given.Has(flag) {
			return cmdline.Usagef("--%s goes with --new-volume", flag)
		}
	}
	return nil
}

// checkFindsDevice checks the flags of a restore that finds TARGET itself.
func (o Options) checkFindsDevice() error {
	f := o.Cloud
	path := f.DevicePath != ""
	switch {
	case len(o.Args) == 2:
		return cmdline.Usagef("TARGET %s and the flags that find the volume's device exclude "+
			"each other", o.Target)
	case len(o.Args) != 1:
		return cmdline.Usagef("%s with --new-volume, --device-path or --attach takes BACKUP, %s "+
			"given", o.Command, wording.Count(len(o.Args), "argument"))
	case f.NewVolume && f.Volume != "":
		return cmdline.Usagef("--new-volume creates a volume, --volume %s is one that is there: "+
			"say one of them", f.Volume)
	case !f.NewVolume && f.Volume == "":
		return cmdline.Usagef("--device-path and --attach find the device of a volume: say " +
			"--new-volume or --volume VOLUME")
	case f.Attach && path:
		return cmdline.Usagef("--attach and --device-path exclude each other")
	case !f.Attach && !path:
		return cmdline.Usagef("how does the new volume's device show on this machine? " +
			"Say --device-path lvm, nfs, ceph or a path with {id}; " +
			"or --attach, if this machine is a server of the cloud")
	case f.Server != "" && !f.Attach:
		return cmdline.Usagef("--server goes with --attach")
	}
	if err := o.checkNewVolumeValues(); err != nil || f.NewVolume {
		return err
	}
	return o.onlyWithNewVolume()
}

// checkNewVolumeValues checks the values of flags for new and for existing volumes.
func (o Options) checkNewVolumeValues() error {
	switch size := o.Cloud.Wish.SizeGiB; {
	case o.Cloud.MetadataOnly:
		return cmdline.Usagef("--metadata-only writes no data: it goes with --volume VOLUME alone")
	case o.Format != "raw":
		return cmdline.Usagef("--format %s does not go with a volume of the cloud", o.Format)
	case size < 0 || size > 1<<20:
		return cmdline.Usagef("--size %d: it is a number of GiB", size)
	case len([]rune(o.Cloud.Wish.Name)) > 255:
		return cmdline.Usagef("--name is longer than the 255 characters that Cinder takes")
	}
	return nil
}
