package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/materialize/cinderapi"
)

func formatFlag() cli.Flag {
	return &cli.StringFlag{Name: "format", Value: "raw",
		Usage: "`FORMAT` of a file target: raw, or qcow2, which takes qemu-img and FUSE"}
}

func niceFlag() cli.Flag {
	return &cli.BoolFlag{Name: "nice-io", DisableDefaultText: true,
		Usage: "give way to others: lowest priority for disks and processors"}
}

func reflinkFlag() cli.Flag {
	return &cli.BoolFlag{Name: "reflink", DisableDefaultText: true,
		Usage: "have the kernel copy what is not compressed, and verify it in TARGET: it shares " +
			"blocks with the share (XFS, btrfs), or an NFS 4.2 server copies"}
}

// volumeFlags are the flags of materialize about a volume of a cloud.
func volumeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "volume",
			Usage: "TARGET is this `VOLUME` of the cloud, by its id or name: restore its name, " +
				"metadata and more too"},
		&cli.StringFlag{Name: "metadata-rule", Value: string(cinderapi.RuleBackup),
			Usage: "`RULE` for a volume's metadata: backup (as it was when the backup was made) " +
				"or cinder (as Cinder's own restore does it)"},
		&cli.BoolFlag{Name: "no-metadata", DisableDefaultText: true,
			Usage: "with a volume of the cloud: check it, but leave its metadata alone"},
		&cli.BoolFlag{Name: "metadata-only", DisableDefaultText: true,
			Usage: "with --volume: restore its metadata, no data; TARGET is not needed"},
		cloudFlag(),
	}
}

// newVolumeFlags are the flags of materialize that create a volume of the cloud, or find the device
// of one, so that no TARGET is given.
func newVolumeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "new-volume", DisableDefaultText: true,
			Usage: "create a volume in the cloud and restore to it; its device is found by " +
				"--device-path or --attach"},
		&cli.StringFlag{Name: "type",
			Usage: "its `TYPE` (the project's default unless given)"},
		&cli.StringFlag{Name: "availability-zone", Usage: "its `ZONE`"},
		&cli.StringFlag{Name: "name",
			Usage: "its `NAME` (the name it had unless given)"},
		&cli.Int64Flag{Name: "size", DefaultText: "as large as the backup's",
			Usage: "at least this many `GIB`"},
		&cli.StringFlag{Name: "device-path",
			Usage: "instead of TARGET: `WHERE` the volume's device shows on this machine: " +
				"lvm, nfs, ceph, ceph:POOL, or a path with {id}"},
		&cli.BoolFlag{Name: "attach", DisableDefaultText: true,
			Usage: "instead of TARGET: have Nova attach the volume to this machine, a server of " +
				"the cloud, and detach it at the end"},
		&cli.StringFlag{Name: "server",
			Usage: "the `ID` of the server of the cloud that this machine is (asked of the " +
				"metadata service, or DMI, unless given)"},
		&cli.BoolFlag{Name: "cleanup", DisableDefaultText: true,
			Usage: "delete it when the restore fails"},
	}
}
