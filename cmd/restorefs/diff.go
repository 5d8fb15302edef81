package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/wording"
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
	if c.Bool("files") {
		return diffFiles(c.Context, commonOf(c))
	}
	return diff(c.Context, commonOf(c))
}

func diff(ctx context.Context, o common) error {
	if err := o.wantArgs("A", "B"); err != nil {
		return err
	}
	catalog, _, err := o.open(ctx, backupstore.Options{DecoderBytes: 16 << 20})
	if err != nil {
		return err
	}
	defer catalog.Close()
	a, err := o.find(catalog, o.arg(0))
	if err != nil {
		return err
	}
	b, err := o.find(catalog, o.arg(1))
	if err != nil {
		return err
	}
	out := report.Ranged{W: o.Out, JSON: o.JSON}
	for r, err := range catalog.Diff(ctx, a, b) {
		if err == nil {
			err = out.Add(r)
		}
		if err != nil {
			return err
		}
	}
	if o.JSON {
		return out.End()
	}
	out.PrintSum(max(a.Size, b.Size))
	if a.Size != b.Size {
		fmt.Fprintf(o.Err,
			"the volumes have %s and %s: the shorter one counts as zero behind its end\n",
			wording.Size(a.Size), wording.Size(b.Size))
	}
	return nil
}
