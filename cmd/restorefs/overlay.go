package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs/overlay"
)

func overlayFlag(usage string) cli.Flag { return &cli.StringFlag{Name: "overlay", Usage: usage} }

func overlayCommand() *cli.Command {
	return &cli.Command{
		Name:      "overlay",
		Usage:     "list or discard what was written onto mounted backups",
		ArgsUsage: "list DIR | discard DIR [BACKUP]",
		Description: `DIR is that of "restorefs mount --overlay DIR". "discard" deletes what was written,
onto BACKUP (its id, or the start of it) or onto all; the backups themselves are as
they were, always. An overlay in use is not discarded; what is not known for an
overlay, as its map is lost or damaged, only by its name.`,
		Flags: []cli.Flag{
			jsonFlag(),
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask", DisableDefaultText: true},
		},
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			if len(args) > 1 {
				if err := places.CheckOverlays(c.String("trust-group"), args[1]); err != nil {
					return err
				}
			}
			switch {
			case len(args) == 2 && args[0] == "list":
				return listOverlays(c, args[1])
			case len(args) == 2 && args[0] == "discard":
				return discardOverlays(c, args[1], "")
			case len(args) == 3 && args[0] == "discard":
				return discardOverlays(c, args[1], args[2])
			}
			return cmdline.Usagef("it is: restorefs overlay list DIR, or: restorefs overlay discard DIR [BACKUP]")
		},
	}
}

// overlayOf returns the overlay of one backup, nil if there is none.
func overlayOf(dir, backup string) (*report.Overlay, error) {
	list, err := overlay.List(dir)
	for _, i := range list {
		if i.Backup == backup {
			l := report.NewOverlay(i)
			return &l, nil
		}
	}
	return nil, err
}

func listOverlays(c *cli.Context, dir string) error {
	list, err := overlay.List(dir)
	if err != nil {
		return err
	}
	out := []report.Overlay{}
	for _, i := range list {
		out = append(out, report.NewOverlay(i))
	}
	if c.Bool("json") {
		return wording.WriteJSON(c.App.Writer, out)
	}
	for _, l := range out {
		fmt.Fprintln(c.App.Writer, l)
	}
	if len(out) == 0 {
		fmt.Fprintf(c.App.ErrWriter, "there is no overlay in %s\n", dir)
	}
	return nil
}

func discardOverlays(c *cli.Context, dir, ref string) error {
	list, err := overlay.List(dir)
	if err != nil {
		return err
	}
	out, err := toDiscard(c.App.ErrWriter, list, dir, ref)
	if err != nil {
		return err
	}
	if len(out) == 0 {
		fmt.Fprintf(c.App.ErrWriter, "there is no overlay in %s\n", dir)
	} else {
		for _, l := range out {
			fmt.Fprintln(c.App.ErrWriter, l)
		}
		if err := consoleOf(c).Ask(c.Context, "Discard what was written?", "nothing was discarded", "to discard what was written"); err != nil {
			return err
		}
	}
	for _, l := range out {
		if err := overlay.Discard(c.Context, dir, l.Backup); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		return wording.WriteJSON(c.App.Writer, out)
	}
	for _, l := range out {
		fmt.Fprintf(c.App.Writer, "discarded %s\n", l.Backup)
	}
	return nil
}

// toDiscard returns the overlays of a directory that ref names, "" for all. With "" it leaves, and
// prints, what may not be an overlay.
func toDiscard(told io.Writer, list []overlay.Info, dir, ref string) ([]report.Overlay, error) {
	out := []report.Overlay{}
	for _, i := range list {
		if ref == "" && i.Size == 0 && i.Problem != "" {
			fmt.Fprintf(told, "left: %s; it may be no overlay at all, to discard it name it\n", report.NewOverlay(i))
			continue
		}
		if ref == "" || i.Backup == ref || len(ref) >= 4 && strings.HasPrefix(i.Backup, ref) {
			out = append(out, report.NewOverlay(i))
		}
	}
	switch {
	case ref == "" || len(out) == 1:
		return out, nil
	case len(out) == 0:
		return nil, cmdline.Usagef("there is no overlay of backup %s in %s; \"restorefs overlay list %s\" lists them", ref, dir, dir)
	}
	return nil, cmdline.Usagef("%s is the start of %d ids of overlays in %s: give more of it", ref, len(out), dir)
}
