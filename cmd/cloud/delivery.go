package cloud

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/materialize/cinderapi"
	"github.com/restorefs/restorefs/materialize/device"
)

// Delivery is a restore to a volume of the cloud whose device is found, not given:
// NewVolume or ToVolume plans one, Deliver does it. It belongs to one goroutine.
type Delivery struct {
	*Destination
	// Wanted is the volume that will be created; nil where one is there.
	Wanted *cinderapi.NewVolume

	backup *backupstore.Backup
	data   Data
	wish   Wish
	run    string // of this run, by which what it created or reserved is known

	found   *device.Device
	written Written
	undo    []undoing // what was done that must not stay, the last one last
}

// Written is how far a Writer got.
type Written struct {
	Begun    bool // something may have been written
	Restored bool // all data is on the volume, on stable storage
	Lossy    bool // except for what could not be had
}

// Writer copies the backup onto the volume's device, and then restores the volume's
// metadata (RestoreMetadata) unless that is left alone. Before it writes it compares
// the device that it opened with what was found. It says how far it got also when it
// fails.
type Writer func(ctx context.Context, d *device.Device) (Written, error)

// undoing is a step back.
type undoing struct {
	message string // for the operator, empty for quick steps
	step    func(context.Context) error
	// onlyIfBegun is for what was found so: it is left so where nothing was written, as
	// somebody else may count on it.
	onlyIfBegun bool
}

// ToVolume plans a restore of b, whose content is data, to the volume with that id.
// The volume is looked at, and nothing is changed. The error is a
// *materialize.RefusedError where it must not be written.
func ToVolume(ctx context.Context, client *cinderapi.Client, id string, b *backupstore.Backup, data Data, o Options) (*Delivery, error) {
	destination, err := Find(ctx, client, id, o)
	if err != nil {
		return nil, err
	}
	d := &Delivery{Destination: destination, backup: b, data: data, run: rand.Text()}
	return d, d.Check(ctx, b)
}

// Deliver creates or takes the volume, finds its device at a place, has it written,
// and leaves the volume available. What it did is undone also when ctx has ended.
//
// The error of a restore that failed is a *RemainsError where something of it stays.
// Where the data is restored, it joins the Writer's error and a *RollbackError.
func (d *Delivery) Deliver(ctx context.Context, place Place, write Writer) error {
	err := d.forward(ctx, place, write)
	// These are to happen all the more when the operator wants to leave.
	ctx = context.WithoutCancel(ctx)
	back := d.rollback(ctx)
	switch {
	case err == nil && back == nil:
		return nil
	case !d.written.Restored:
		return d.remains(ctx, errors.Join(err, back), back != nil)
	case back == nil:
		return err
	}
	return errors.Join(err, &RollbackError{Written: d.written, Err: back})
}

// forward does all that leads to a restored volume, and notes what must be undone.
func (d *Delivery) forward(ctx context.Context, place Place, write Writer) error {
	created := d.Wanted != nil
	if created {
		if err := d.create(ctx); err != nil {
			return err
		}
	}
	add := func(step undoing) { d.undo = append(d.undo, step) }
	if place.reserves() {
		if err := d.reserve(ctx, created, d.run, add); err != nil {
			return err
		}
	}
	wanted, err := d.wanted(ctx, d.data, created)
	if err != nil {
		return err
	}
	if d.found, err = place.find(ctx, wanted, add, d.o.Tell); err != nil {
		return err
	}
	if err := d.CheckNames(d.found.Path); err != nil {
		return err
	}
	d.written, err = write(ctx, d.found)
	if err != nil || d.RestoresMetadata() {
		return err
	}
	// The metadata that is left alone is the operator's, not ours.
	if err := d.client.Forget(ctx, d.Volume.ID, cinderapi.RunKey); err != nil {
		return fmt.Errorf("the data is restored and verified; %w", err)
	}
	return nil
}

// create creates the volume and tells its id as soon as there is one.
func (d *Delivery) create(ctx context.Context) error {
	v, err := d.client.CreateVolume(ctx, *d.Wanted)
	if v != nil {
		d.Volume = v
		d.o.Tell(fmt.Sprintf("created volume %s, %d GiB", v.ID, v.SizeGiB))
	}
	if err != nil {
		return err
	}
	v, err = d.client.WaitCreated(ctx, v.ID)
	if v != nil {
		d.Volume = v
	}
	if err != nil {
		return err
	}
	if v.SizeGiB < d.Wanted.SizeGiB {
		return fmt.Errorf("volume %s has %d GiB, %d were asked for", v.ID, v.SizeGiB, d.Wanted.SizeGiB)
	}
	return d.Check(ctx, d.backup)
}

// rollback undoes what must not stay, the last first. What fails does not keep the
// rest from being undone.
func (d *Delivery) rollback(ctx context.Context) (err error) {
	for len(d.undo) > 0 {
		last := d.undo[len(d.undo)-1]
		d.undo = d.undo[:len(d.undo)-1]
		if last.onlyIfBegun && !d.written.Begun {
			continue
		}
		if last.message != "" {
			d.o.Tell(last.message)
		}
		err = errors.Join(err, last.step(ctx))
	}
	return err
}

// remains says what a restore that failed with err leaves behind, which with
// Cleanup it removes if it created it. What is still attached or mapped (held) is not
// deleted.
func (d *Delivery) remains(ctx context.Context, err error, held bool) error {
	created := d.Wanted != nil
	if d.Volume == nil || !created && !d.written.Begun {
		return err // there is nothing, or its creation said how to look for it; or nothing was written
	}
	r := &RemainsError{Err: err, Volume: d.Volume, Created: created}
	// The note of an interrupted run is lost with a device that comes anew.
	r.Noted = d.found == nil || d.found.Lasting || !d.written.Begun
	if created && d.o.Cleanup && !held {
		d.o.Tell(fmt.Sprintf("deleting volume %s again", d.Volume.ID))
		r.NotDeleted = d.client.DeleteCreated(ctx, d.Volume.ID, d.run)
		if r.Deleted = r.NotDeleted == nil; r.Deleted {
			return r
		}
	}
	// As it is now, or as it was last seen.
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if now, err := d.client.GetVolume(ctx, d.Volume.ID); err == nil {
		r.Volume = now
	}
	return r
}
