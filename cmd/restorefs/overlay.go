package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/overlays"
)

func overlayCommand() *cli.Command {
	return &cli.Command{
		Name:      "overlay",
		Usage:     "list or discard what was written onto mounted backups",
		ArgsUsage: "list DIR | discard DIR [BACKUP]",
		Description: `DIR is that of "restorefs mount --overlay DIR". "discard" deletes what was ` +
			`written,
onto BACKUP (its id, or the start of it) or onto all; the backups themselves are as
they were, always. An overlay in use is not discarded; what is not known for an
overlay, as its map is lost or damaged, only by its name.`,
		Flags: []cli.Flag{
			jsonFlag(),
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask",
				DisableDefaultText: true},
		},
		Action: runOverlay,
	}
}

func runOverlay(c *cli.Context) error {
	o := commonOf(c)
	what := overlays.Options{Console: o.Console, Dir: o.arg(1), Group: o.cache.Group}
	switch n := len(o.args); {
	case n == 2 && o.arg(0) == "list":
		return overlays.List(what)
	case (n == 2 || n == 3) && o.arg(0) == "discard":
		return overlays.Discard(c.Context, what, o.arg(2))
	}
	return cmdline.Usagef("it is: restorefs overlay list DIR, or: restorefs overlay discard DIR " +
		"[BACKUP]")
}
