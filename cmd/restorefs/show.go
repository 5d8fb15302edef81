package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/wording"
)

func showCommand() *cli.Command {
	return &cli.Command{
		Name:        "show",
		Usage:       "show everything known about a backup",
		ArgsUsage:   "BACKUP",
		Description: backupHelp,
		Flags: []cli.Flag{shareFlag(), jsonFlag(), overlayFlag("also show what was written onto BACKUP where it was mounted with --overlay `DIR`"),
			lookFlag(10*time.Second, "look at the disk for that long at most: its partitions, file systems, and whether it was in use; 0 for not at all"),
			&cli.BoolFlag{Name: "script", Usage: "print a script that restores the volume's metadata with the openstack client", DisableDefaultText: true}},
		Action: show,
	}
}

func show(c *cli.Context) error {
	if err := wantArgs(c, "BACKUP"); err != nil {
		return err
	}
	catalog, err := openCatalog(c, 0)
	if err != nil {
		return err
	}
	defer catalog.Close()
	b, err := oneBackup(c, catalog)
	if err != nil {
		return err
	}
	if c.Bool("script") {
		if c.Bool("json") {
			return cmdline.Usagef("--script and --json are two things: say one")
		}
		return printScriptOf(c.Context, c.App.Writer, b)
	}
	record, err := b.Record(c.Context)
	if err != nil {
		return err
	}
	s := report.NewShown(b, record.Volume)
	if dir := c.String("overlay"); dir != "" {
		if err := places.CheckOverlays(c.String("trust-group"), dir); err != nil {
			return err
		}
		if s.Overlay, err = overlayOf(dir, b.ID); err != nil {
			return err
		}
	}
	if s.Disk, err = lookAt(c, catalog, b); err != nil {
		return err
	}
	if c.Bool("json") {
		return wording.WriteJSON(c.App.Writer, s)
	}
	report.PrintShown(c.App.Writer, s, c.String("overlay"))
	return nil
}

// printScriptOf prints a script that restores the metadata of a backup's volume.
func printScriptOf(ctx context.Context, out io.Writer, b *backupstore.Backup) error {
	m, err := b.ReadVolumeMeta(ctx)
	if err != nil {
		return err
	}
	if m == nil {
		return fmt.Errorf("backup %s has no usable record of its volume's metadata: there is nothing to make a script of", b.ID)
	}
	_, err = out.Write(report.MetadataScript(b, m))
	return err
}
