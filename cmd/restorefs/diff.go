package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/browse"
	"github.com/restorefs/restorefs/cmd/inspect"
)

func diffCommand() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "show which ranges differ between two backups, by their digests",
		ArgsUsage: "A B",
		Description: backupHelp + `

A and B may be of different volumes. For a volume of 1 TiB two files of 2.4 GB
are read. Objects are decoded only where the digests of both say zero and the
two share no object: whether that is so is then seen in the objects. Ranges are
of whole blocks (32 KiB unless Cinder was configured otherwise); where one
volume ends before the other it counts as zero. The table is offset and length
in bytes.

With --files it shows which files differ: added, removed, changed, and those with
other metadata. Contents are read only of files that have a block that differs.`,
		Flags: []cli.Flag{shareFlag(), jsonFlag(), memoryFlag(), cacheDirFlag(),
			&cli.BoolFlag{Name: "files", DisableDefaultText: true,
				Usage: "show which files inside the disks differ"}},
		Action: runDiff,
	}
}

func runDiff(c *cli.Context) error {
	o := commonOf(c)
	if err := o.wantArgs("A", "B"); err != nil {
		return err
	}
	if c.Bool("files") {
		return browse.Diff(c.Context, browse.Options{Console: o.Console, Source: o.source(),
			Memory: o.memory, Backup: o.arg(0)}, o.arg(1))
	}
	return inspect.Diff(c.Context, inspect.DiffOptions{Console: o.Console, Source: o.source(),
		A: o.arg(0), B: o.arg(1)})
}
