package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/inspect"
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
				"look at the disk for this `TIME` at most: its partitions, file systems, and "+
					"whether it was in use; 0 for not at all"),
			recordFlag(recordShown),
			&cli.BoolFlag{Name: "script",
				Usage: "print a script that restores the volume's metadata with the openstack " +
					"client",
				DisableDefaultText: true}},
		Action: runShow,
	}
}

func runShow(c *cli.Context) error {
	o := commonOf(c)
	if err := o.wantArgs("BACKUP"); err != nil {
		return err
	}
	return inspect.Show(c.Context, inspect.ShowOptions{
		Console: o.Console, Source: o.source(), Backup: o.arg(0), Overlay: c.String("overlay"),
		Look: c.Duration("look"), Script: c.Bool("script"),
		Record: o.record,
	})
}
