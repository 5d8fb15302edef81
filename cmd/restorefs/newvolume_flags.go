package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/wording"
)

// newVolumeFlags are the flags of materialize that create a volume of the cloud, or find the device
// of one, so that no TARGET is given.
func newVolumeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "new-volume", Usage: "create a volume in the cloud and restore to it; its device is found by --device-path or --attach", DisableDefaultText: true},
		&cli.StringFlag{Name: "type", Usage: "with --new-volume: the volume's `TYPE` (the project's default unless given)"},
		&cli.StringFlag{Name: "availability-zone", Usage: "with --new-volume: the volume's `ZONE`"},
		&cli.StringFlag{Name: "name", Usage: "with --new-volume: the volume's `NAME` (the name it had unless given)"},
		&cli.Int64Flag{Name: "size", Usage: "with --new-volume: at least this many `GIB`", DefaultText: "as large as the backup's"},
		&cli.StringFlag{Name: "device-path", Usage: "instead of TARGET: `WHERE` the volume's device shows on this machine: " +
			"lvm, nfs, ceph, ceph:POOL, or a path with {id}"},
		&cli.BoolFlag{Name: "attach", Usage: "instead of TARGET: have Nova attach the volume to this machine, a server of the cloud, and detach it at the end", DisableDefaultText: true},
		&cli.StringFlag{Name: "server", Usage: "the `ID` of the server of the cloud that this machine is, for --attach, or where --volume is attached (asked of the metadata service, or DMI, unless given)"},
		&cli.BoolFlag{Name: "cleanup", Usage: "with --new-volume: delete the volume when the restore fails", DisableDefaultText: true},
	}
}

// findsDevice reports whether materialize finds TARGET itself. If it does not, flags that need that
// are an error.
func (o materializeOptions) findsDevice() (bool, error) {
	if o.cloud.newVolume || o.cloud.devicePath != "" || o.cloud.attach {
		return true, nil
	}
	if o.given.Has("server") && o.cloud.volume == "" {
		return false, cmdline.Usagef("--server goes with --attach or --volume")
	}
	return false, o.onlyWithNewVolume()
}

func (o materializeOptions) onlyWithNewVolume() error {
	for _, flag := range []string{"type", "availability-zone", "name", "size", "cleanup"} {
		if o.given.Has(flag) {
			return cmdline.Usagef("--%s goes with --new-volume", flag)
		}
	}
	return nil
}

// checkFindsDevice checks the flags of a restore that finds TARGET itself.
func (o materializeOptions) checkFindsDevice() error {
	f := o.cloud
	path := f.devicePath != ""
	switch {
	case len(o.args) == 2:
		return cmdline.Usagef("TARGET %s and the flags that find the volume's device exclude each other", o.target)
	case len(o.args) != 1:
		return cmdline.Usagef("materialize with --new-volume, --device-path or --attach takes BACKUP, %s given", wording.Count(len(o.args), "argument"))
	case f.newVolume && f.volume != "":
		return cmdline.Usagef("--new-volume creates a volume, --volume %s is one that is there: say one of them", f.volume)
	case !f.newVolume && f.volume == "":
		return cmdline.Usagef("--device-path and --attach find the device of a volume: say --new-volume or --volume ID")
	case f.attach && path:
		return cmdline.Usagef("--attach and --device-path exclude each other")
	case !f.attach && !path:
		return cmdline.Usagef("how does the new volume's device show on this machine? Say --device-path lvm, nfs, ceph or a path with {id}; " +
			"or --attach, if this machine is a server of the cloud")
	case f.server != "" && !f.attach:
		return cmdline.Usagef("--server goes with --attach")
	}
	if err := o.checkNewVolumeValues(); err != nil || f.newVolume {
		return err
	}
	return o.onlyWithNewVolume()
}

// checkNewVolumeValues checks the values of flags for new and for existing volumes.
func (o materializeOptions) checkNewVolumeValues() error {
	switch size := o.cloud.wish.SizeGiB; {
	case o.cloud.metadataOnly:
		return cmdline.Usagef("--metadata-only writes no data: it goes with --volume ID alone")
	case o.format != "raw":
		return cmdline.Usagef("--format %s does not go with a volume of the cloud", o.format)
	case size < 0 || size > 1<<20:
		return cmdline.Usagef("--size %d: it is a number of GiB", size)
	case len([]rune(o.cloud.wish.Name)) > 255:
		return cmdline.Usagef("--name is longer than the 255 characters that Cinder takes")
	}
	return nil
}
