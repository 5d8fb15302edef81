package attended

import (
	"context"
	"errors"
	"fmt"

	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/wording"
)

// delivery is a restore to a volume of the cloud whose device is found, not given. It belongs to
// one goroutine.
type delivery struct {
	*restoring
	*cloud.Delivery
	place cloud.Place
}

// dryRun prints what deliver would do. It creates, reserves, attaches and maps nothing, so the
// device is not known.
func (d *delivery) dryRun(ctx context.Context) error {
	created, broken := d.Wanted, brokenWords(d.engine.Broken())
	found, err := d.engine.PlanNew(ctx, wording.Printable(d.Target()), created != nil)
	if err != nil {
		return err
	}
	p := Plan{Plan: found, Notes: found.Notes}
	if created != nil {
		p.NewVolume = &PlannedVolume{
			SizeGiB: created.SizeGiB, Type: created.Type, Zone: created.Zone, Name: created.Name,
			Device: d.place.String(),
		}
	} else if p.Changes, err = d.Changes(ctx, d.backup); err != nil {
		return err
	}
	if d.o.JSON {
		return errors.Join(wording.WriteJSON(d.o.Out, p), broken)
	}
	notes, err := d.Notes(ctx)
	printPlan(d.o.Out, p, noteLines(notes, err))
	fmt.Fprintf(d.o.Out, "device    %s\n", d.place)
	if created == nil && d.RestoresMetadata() {
		printChanges(d.o.Out, p.Changes)
	}
	return broken
}
