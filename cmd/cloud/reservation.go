package cloud

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// reserve prevents others from attaching the volume meanwhile, and first adds to undo the step that
// ends this. An existing volume is marked with run before, so that after a run was killed the next
// one recognizes its reservation.
func (d *Destination) reserve(ctx context.Context, created bool, run string,
	undo func(undoing)) error {
	v := d.Volume
	if d.ownReservation() {
		// The reservation may belong to a run that is still at work.
		undo(undoing{step: d.endReservation, onlyIfBegun: true})
		return nil
	}
	if v.Status != "available" {
		text := "its status is " + safetext.Printable(v.Status) + ", not available: detach it first"
		if d.o.Advice.OwnDevice != "" {
			text += ", or " + d.o.Advice.OwnDevice
		}
		return refusal(d.String(), materialize.ReasonHeld, text)
	}
	held := false
	undo(undoing{step: func(ctx context.Context) error {
		if held {
			return d.endReservation(ctx)
		}
		return d.unmark(ctx)
	}})
	if !created {
		if err := d.mark(ctx, run); err != nil {
			return err
		}
	}
	var why string
	var err error
	if held, why, err = d.client.Reserve(ctx, v.ID); !held && err == nil {
		d.o.Logger.Warn("the volume cannot be reserved: see to it that nobody attaches it now",
			"volume", v.ID, "err", why)
	}
	return err
}

// mark records in the volume's metadata that a run reserves it. If the cloud does not allow that, a
// warning is logged.
func (d *Destination) mark(ctx context.Context, run string) error {
	d.marked = true // also if the answer is lost
	err := d.client.Mark(ctx, d.Volume.ID, cinderapi.ReservedKey, run)
	if err == nil {
		return nil
	}
	if s := cinderapi.StatusOf(err); s < 400 || s >= 500 || s == http.StatusUnauthorized {
		return err
	}
	d.marked = false
	d.o.Logger.Warn("the volume cannot be marked: if this run is killed, an administrator must "+
		"end its reservation", "volume", d.Volume.ID, "err", err)
	return nil
}

// endReservation lets others attach the volume again.
func (d *Destination) endReservation(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	id := d.Volume.ID
	if err := d.client.Unreserve(ctx, id); err != nil {
		return fmt.Errorf("%w; volume %s stays reserved (attaching) until an administrator does: "+
			"openstack volume set --state available %s", err, id, id)
	}
	return d.unmark(ctx)
}

// unmark removes the mark from the volume's metadata.
func (d *Destination) unmark(ctx context.Context) error {
	if !d.marked && d.Volume.Metadata[cinderapi.ReservedKey] == "" {
		return nil
	}
	if err := d.client.Forget(ctx, d.Volume.ID, cinderapi.ReservedKey); err != nil {
		return fmt.Errorf("%w; remove it with: openstack volume unset --property %s %s", err,
			cinderapi.ReservedKey, d.Volume.ID)
	}
	return nil
}

// Free ends the reservation that an earlier run left behind, after the volume was restored onto a
// device that the operator named. The error is a *RollbackError.
func (d *Destination) Free(ctx context.Context) error {
	if !d.ownReservation() {
		return nil
	}
	if err := d.endReservation(context.WithoutCancel(ctx)); err != nil {
		return &RollbackError{Err: err}
	}
	return nil
}
