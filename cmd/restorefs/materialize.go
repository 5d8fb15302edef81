package main

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/attended"
	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/restore"
	"github.com/restorefs/restorefs/materialize"
)

func materializeCommand() *cli.Command {
	return &cli.Command{
		Name:      "materialize",
		Aliases:   []string{"restore"},
		Usage:     "copy a backup onto a volume: a block device or a file",
		ArgsUsage: "BACKUP [TARGET]",
		Description: backupHelp + `

TARGET is a block device, or a file, which is created sparse when it does not
exist, or - for stdout. A device in use is refused, always; one that is not
blank unless --force. A larger target keeps its size. An interrupted run is
continued by the same command: what is already right is not written again. What
is written has been checked against the backup's digests. A qcow2 (--format) gets
its name when it is whole and qemu-img has checked it.

With --volume, TARGET is where that volume of the cloud is, and its name,
metadata, image metadata and bootable flag are restored after the data. The
cloud is that of --os-cloud (clouds.yaml) or of the OS_* variables of an openrc.
Whether the volume exists, is large enough and is of the right encryption is
checked before anything is written.

With --new-volume there is no TARGET: the volume is created, and its device found
by --device-path or --attach, which do that for --volume too. When that fails,
it says what is left and how to continue.`,
		Flags: append([]cli.Flag{
			shareFlag(), jsonFlag(), memoryFlag(), cacheDirFlag(),
			&cli.BoolFlag{Name: "force", DisableDefaultText: true,
				Usage: "overwrite what TARGET holds (never one that is in use, or too small)"},
			&cli.BoolFlag{Name: "delta", DisableDefaultText: true,
				Usage: "compare TARGET with the backup and write only what differs (with " +
					"--force: roll back a volume)"},
			&cli.BoolFlag{Name: "dry-run", DisableDefaultText: true,
				Usage: "say what would be done, write nothing"},
			reflinkFlag(),
			&cli.BoolFlag{Name: "verify-after", DisableDefaultText: true,
				Usage: "read TARGET back past the page cache and compare"},
			overlayFlag("restore with what was written in a mount with --overlay `DIR`"),
			newSalvageFlag(), formatFlag(), progressFlag(), niceFlag(),
			&cli.StringFlag{Name: "bwlimit",
				Usage: "read no more than this `RATE` of data a second from the backup: 50MiB or " +
					"400Mbit (a number alone is bytes)"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, DisableDefaultText: true,
				Usage: "do not ask"},
			&cli.IntFlag{Name: "jobs", Aliases: []string{"j"},
				Usage: "read `N` objects in parallel (0: one for each processor)"},
			&cli.StringFlag{Name: "metadata-out",
				Usage: "write the volume's metadata to `FILE`, - for stdout (for a file: " +
					"TARGET.metadata.json unless given)"},
			&cli.BoolFlag{Name: "decrypt", DisableDefaultText: true,
				Usage: "restore the plain disk of an encrypted volume, with the key that " +
					"--luks-key-file, --luks-passphrase-fd or --luks-from-cloud gives"},
		}, slices.Concat(luksFlags(), volumeFlags(), newVolumeFlags())...),
		Action: runMaterialize,
	}
}

func runMaterialize(c *cli.Context) error {
	o := commonOf(c)
	ctx, stop := process.UntilHangup(c.Context)
	defer stop()
	return attended.Restore(ctx, attended.Options{
		Console:     o.Console,
		Source:      o.source(),
		Memory:      o.memory,
		Keys:        keysOf(c),
		Decrypt:     c.Bool("decrypt"),
		Command:     o.command,
		Given:       o.given,
		Args:        o.args,
		Backup:      c.Args().Get(0),
		Target:      c.Args().Get(1),
		Format:      c.String("format"),
		DryRun:      c.Bool("dry-run"),
		Force:       c.Bool("force"),
		NiceIO:      c.Bool("nice-io"),
		Rate:        c.String("bwlimit"),
		MetadataOut: c.String("metadata-out"),
		Cloud: attended.CloudOptions{
			Name: c.String("os-cloud"), Volume: c.String("volume"), Rule: c.String("metadata-rule"),
			NoMetadata: c.Bool("no-metadata"), MetadataOnly: c.Bool("metadata-only"),
			NewVolume: c.Bool("new-volume"), DevicePath: c.String("device-path"),
			Attach: c.Bool("attach"),
			Server: c.String("server"), Cleanup: c.Bool("cleanup"),
			Wish: cloud.Wish{
				Name: c.String("name"), Type: c.String("type"), Zone: c.String("availability-zone"),
				SizeGiB: c.Int64("size"),
			},
		},
		Engine: restore.Options{
			Salvage: restore.Salvage(fmt.Sprint(c.Generic("salvage"))),
			Overlay: c.String("overlay"),
			Copy: materialize.Options{
				Jobs: c.Int("jobs"), Delta: c.Bool("delta"), VerifyAfter: c.Bool("verify-after"),
				Reflink: c.Bool("reflink"),
			},
		},
	})
}
