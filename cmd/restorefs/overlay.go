package main

import (
	"context"
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

func runOverlay(c *cli.Context) error { return overlays(c.Context, commonOf(c)) }

func overlays(ctx context.Context, o common) error {
	if len(o.args) > 1 {
		if err := places.CheckOverlays(o.cache.Group, o.arg(1)); err != nil {
			return err
		}
	}
	switch {
	case len(o.args) == 2 && o.arg(0) == "list":
		return listOverlays(o, o.arg(1))
	case len(o.args) == 2 && o.arg(0) == "discard":
		return discardOverlays(ctx, o, o.arg(1), "")
	case len(o.args) == 3 && o.arg(0) == "discard":
		return discardOverlays(ctx, o, o.arg(1), o.arg(2))
	}
	return cmdline.Usagef("it is: restorefs overlay list DIR, or: restorefs overlay discard DIR " +
		"[BACKUP]")
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

func listOverlays(o common, dir string) error {
	list, err := overlay.List(dir)
	if err != nil {
		return err
	}
	out := []report.Overlay{}
	for _, i := range list {
		out = append(out, report.NewOverlay(i))
	}
	if o.JSON {
		return wording.WriteJSON(o.Out, out)
	}
	for _, l := range out {
		fmt.Fprintln(o.Out, l)
	}
	if len(out) == 0 {
		fmt.Fprintf(o.Err, "there is no overlay in %s\n", dir)
	}
	return nil
}

func discardOverlays(ctx context.Context, o common, dir, ref string) error {
	list, err := overlay.List(dir)
	if err != nil {
		return err
	}
	out, err := toDiscard(o.Err, list, dir, ref)
	if err != nil {
		return err
	}
	if len(out) == 0 {
		fmt.Fprintf(o.Err, "there is no overlay in %s\n", dir)
	} else {
		for _, l := range out {
			fmt.Fprintln(o.Err, l)
		}
		if err := o.Ask(ctx, "Discard what was written?", "nothing was discarded",
			"to discard what was written"); err != nil {
			return err
		}
	}
	for _, l := range out {
		if err := overlay.Discard(ctx, dir, l.Backup); err != nil {
			return err
		}
	}
	if o.JSON {
		return wording.WriteJSON(o.Out, out)
	}
	for _, l := range out {
		fmt.Fprintf(o.Out, "discarded %s\n", l.Backup)
	}
	return nil
}

// toDiscard returns the overlays of a directory that ref names, "" for all. With "" it leaves, and
// prints, what may not be an overlay.
func toDiscard(told io.Writer, list []overlay.Info, dir, ref string) ([]report.Overlay, error) {
	out := []report.Overlay{}
	for _, i := range list {
		if ref == "" && i.Size == 0 && i.Problem != "" {
			fmt.Fprintf(told, "left: %s; it may be no overlay at all, to discard it name it\n",
				report.NewOverlay(i))
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
		return nil, cmdline.Usagef("there is no overlay of backup %s in %s; \"restorefs overlay "+
			"list %s\" lists them",
			ref, dir, dir)
	}
	return nil, cmdline.Usagef("%s is the start of %d ids of overlays in %s: give more of it", ref,
		len(out), dir)
}
