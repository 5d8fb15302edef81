package main

import (
	"errors"
	"fmt"

	"github.com/restorefs/restorefs/materialize"
)

// plannedVolume is what --dry-run says of the volume that would be created; its
// fields are a contract.
type plannedVolume struct {
	SizeGiB int64  `json:"size_gib"`
	Type    string `json:"type"` // "" for the default one
	Zone    string `json:"availability_zone"`
	Name    string `json:"name"` // "": it gets the one it had
	Device  string `json:"device"`
}

// dryRun says what deliver would do. It creates, reserves, attaches and maps
// nothing, so that nothing can be said of the device.
func (d *delivery) dryRun() error {
	e, err := materialize.PlanUnseen(d.c.Context, d.volume, d.target())
	if err != nil {
		return err
	}
	e.Exact = d.fresh
	p, err := newPlanned(d.c.Context, d.composed, d.volume, e, d.options)
	if err != nil {
		return err
	}
	if d.fresh {
		w := d.wish
		p.NewVolume = &plannedVolume{SizeGiB: w.SizeGiB, Type: w.Type, Zone: w.Zone, Name: w.Name, Device: d.place.String()}
	} else if p.Changes, err = d.cloud.plan(d.backup); err != nil {
		return err
	}
	out := d.c.App.Writer
	if d.c.Bool("json") {
		return errors.Join(writeJSON(out, p), d.broken)
	}
	printPlan(out, p, d.notes())
	fmt.Fprintf(out, "device    %s\n", d.place)
	if !d.fresh && d.cloud.metadata {
		printChanges(out, p.Changes)
	}
	return d.broken
}
