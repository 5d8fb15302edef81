package main

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/cmd/wording"
)

func showCommand() *cli.Command {
	return &cli.Command{
		Name:        "show",
		Usage:       "show everything known about a backup",
		ArgsUsage:   "BACKUP",
		Description: backupHelp,
		Flags: []cli.Flag{shareFlag(), jsonFlag(), cacheDirFlag(),
			overlayFlag("also show what was written onto BACKUP where it was mounted with " +
				"--overlay `DIR`"),
			lookFlag(10*time.Second,
				"look at the disk for that long at most: its partitions, file systems, and "+
					"whether it was in use; 0 for not at all"),
			&cli.BoolFlag{Name: "script",
				Usage: "print a script that restores the volume's metadata with the openstack " +
					"client",
				DisableDefaultText: true}},
		Action: runShow,
	}
}

// showOptions are what the flags of show ask for.
type showOptions struct {
	common
	overlay string        // directory of overlays, "" for none
	look    time.Duration // at the disk
	script  bool          // that restores the volume's metadata, and nothing else
}

func runShow(c *cli.Context) error {
	return show(c.Context, showOptions{
		common: commonOf(c), overlay: c.String("overlay"), look: c.Duration("look"),
		script: c.Bool("script"),
	})
}

func show(ctx context.Context, o showOptions) error {
	if err := o.wantArgs("BACKUP"); err != nil {
		return err
	}
	catalog, _, err := o.open(ctx, backupstore.Options{})
	if err != nil {
		return err
	}
	defer catalog.Close()
	b, err := o.find(catalog, o.arg(0))
	if err != nil {
		return err
	}
	if o.script {
		return o.printScript(ctx, b)
	}
	record, err := b.Record(ctx)
	if err != nil {
		return err
	}
	s := report.NewShown(b, record.Volume)
	if o.overlay != "" {
		if err := places.CheckOverlays(o.cache.Group, o.overlay); err != nil {
			return err
		}
		if s.Overlay, err = overlayOf(o.overlay, b.ID); err != nil {
			return err
		}
	}
	if s.Disk, err = source.Look(ctx, catalog, b, o.look); err != nil {
		return err
	}
	if o.JSON {
		return wording.WriteJSON(o.Out, s)
	}
	report.PrintShown(o.Out, s, o.overlay)
	return nil
}

// printScript prints a script that restores the metadata of a backup's volume.
func (o showOptions) printScript(ctx context.Context, b *backupstore.Backup) error {
	if o.JSON {
		return cmdline.Usagef("--script and --json are two things: say one")
	}
	m, err := b.ReadVolumeMeta(ctx)
	if err != nil {
		return err
	}
	if m == nil {
		return fmt.Errorf("backup %s has no usable record of its volume's metadata: "+
			"there is nothing to make a script of", b.ID)
	}
	_, err = o.Out.Write(report.MetadataScript(b, m))
	return err
}
