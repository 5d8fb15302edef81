package overlays

import (
	"context"
	"fmt"
	"strings"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs/overlay"
)

// Discard deletes the overlays that ref, an id or the start of one, names; "" for all.
func Discard(ctx context.Context, o Options, ref string) error {
	list, err := o.list()
	if err != nil {
		return err
	}
	out, err := o.toDiscard(list, ref)
	if err != nil {
		return err
	}
	if len(out) == 0 {
		o.tellNone()
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
		if err := overlay.Discard(ctx, o.Dir, l.Backup); err != nil {
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

// toDiscard returns the overlays that ref names. With "" it leaves, and prints, what may not be an
// overlay.
func (o Options) toDiscard(list []overlay.Info, ref string) ([]report.Overlay, error) {
	out := []report.Overlay{}
	for _, i := range list {
		if ref == "" && i.Size == 0 && i.Problem != "" {
			fmt.Fprintf(o.Err, "left: %s; it may be no overlay at all, to discard it name it\n",
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
			ref, o.Dir, o.Dir)
	}
	return nil, cmdline.Usagef("%s is the start of %d ids of overlays in %s: give more of it", ref,
		len(out), o.Dir)
}
