package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/inspect"
	"github.com/restorefs/restorefs/cmd/places"
)

func mapCommand() *cli.Command {
	return &cli.Command{
		Name:      "map",
		Usage:     "draw a backup's disk: what is zero, from which backup the rest comes, damage",
		ArgsUsage: "BACKUP",
		Description: backupHelp + `

Each cell of the picture is an equal part of the disk. No object is read for it, but
by --verify, and for the partitions (--look). Damage is what verify has found, where
that was kept, or finds with --verify.`,
		Flags: []cli.Flag{
			shareFlag(), jsonFlag(), memoryFlag(), cacheDirFlag(),
			&cli.StringFlag{Name: "svg", Usage: "draw into an SVG `FILE`; - is stdout"},
			&cli.StringFlag{Name: "png", Usage: "draw into a PNG `FILE`; - is stdout"},
			forceFlag("replace the FILE if it is there"),
			&cli.BoolFlag{Name: "verify", DisableDefaultText: true,
				Usage: "prove the backup first, as the command verify does; this reads all of it"},
			jobsFlag(), progressFlag(),
			recordFlag("where verify keeps what it finds out: a `DIRECTORY`"),
			lookFlag(10*time.Second, "look for partitions for that long at most; 0 for not at all"),
		},
		Action: runMap,
	}
}

func runMap(c *cli.Context) error {
	o := commonOf(c)
	if err := o.wantArgs("BACKUP"); err != nil {
		return err
	}
	if err := o.CheckProgress(); err != nil {
		return err
	}
	how := inspect.MapOptions{
		Console: o.Console, Source: o.source(), Memory: o.memory, Backup: o.arg(0),
		Picture: places.Result{Path: "-", Out: o.Out, Force: c.Bool("force")},
		Columns: console.Columns(), Colour: console.Colour(), Verify: c.Bool("verify"),
		Jobs: c.Int("jobs"), Look: c.Duration("look"), Record: o.record,
	}
	forms := 0
	if o.JSON {
		how.Form, forms = inspect.JSON, 1
	}
	for flag, form := range map[string]inspect.Form{"svg": inspect.SVG, "png": inspect.PNG} {
		if path := c.String(flag); path != "" {
			how.Form, how.Picture.Flag, how.Picture.Path = form, flag, path
			forms++
		}
	}
	if forms > 1 {
		return cmdline.Usagef("--json, --svg and --png are several things: say one")
	}
	return inspect.Map(c.Context, how)
}
