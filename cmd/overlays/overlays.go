package overlays

import (
	"fmt"

	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs/overlay"
)

// Options say of which overlays.
type Options struct {
	console.Console
	Dir   string
	Group string // whose members may write to Dir as well, "" for none
}

// List lists the overlays of a directory.
func List(o Options) error {
	list, err := o.list()
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
		o.tellNone()
	}
	return nil
}

// Of returns the overlay of a backup, by its id, or nil.
func Of(o Options, backup string) (*report.Overlay, error) {
	list, err := o.list()
	for _, i := range list {
		if i.Backup == backup {
			l := report.NewOverlay(i)
			return &l, nil
		}
	}
	return nil, err
}

func (o Options) list() ([]overlay.Info, error) {
	if err := places.CheckOverlays(o.Group, o.Dir); err != nil {
		return nil, err
	}
	return overlay.List(o.Dir)
}

func (o Options) tellNone() { fmt.Fprintf(o.Err, "there is no overlay in %s\n", o.Dir) }
