package main

import (
	"context"
	"errors"
	"fmt"
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
func (d *delivery) dryRun(ctx context.Context) error {
	created, broken := d.Wanted, brokenWords(d.engine.Broken())
	found, err := d.engine.PlanNew(ctx, printable(d.Target()), created != nil)
	if err != nil {
		return err
	}
	p := planned{Plan: found, Notes: found.Notes}
	if created != nil {
		p.NewVolume = &plannedVolume{SizeGiB: created.SizeGiB, Type: created.Type, Zone: created.Zone, Name: created.Name, Device: d.place.String()}
	} else if p.Changes, err = d.Changes(ctx, d.backup); err != nil {
		return err
	}
	if d.o.json {
		return errors.Join(writeJSON(d.o.out, p), broken)
	}
	notes, err := d.Notes(ctx)
	printPlan(d.o.out, p, noteLines(notes, err))
	fmt.Fprintf(d.o.out, "device    %s\n", d.place)
	if created == nil && d.RestoresMetadata() {
		printChanges(d.o.out, p.Changes)
	}
	return broken
}
