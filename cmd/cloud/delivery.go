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

// Delivery is a restore to a volume of the cloud whose device is found, not given. NewVolume or
// ToVolume plans one, Deliver does it. It belongs to one goroutine.
type Delivery struct {
	*Destination
	// Wanted is the volume that will be created; nil for an existing one.
	Wanted *cinderapi.NewVolume

	backup *backupstore.Backup
	data   Data
	wish   Wish
	run    string // id of this run, which marks what it created or reserved

	found   *device.Device
	written Written
	undo    []undoing // steps that undo what was done, in the order in which it was done
}

// Writer copies the backup onto the volume's device, and then restores the volume's metadata
// (RestoreMetadata) unless that is left alone. Before it writes, it must compare the device that it
// opened with the one that was found. It returns how far it got even if it fails.
type Writer func(ctx context.Context, d *device.Device) (Written, error)

// ToVolume plans a restore of b, with the content data, to the volume with that id. It looks at the
// volume and changes nothing. If the volume must not be written, the error is a
// *materialize.RefusedError.
func ToVolume(ctx context.Context, client *cinderapi.Client, id string, b *backupstore.Backup,
	data Data, o Options) (*Delivery, error) {
	destination, err := Find(ctx, client, id, o)
	if err != nil {
		return nil, err
	}
	d := &Delivery{Destination: destination, backup: b, data: data, run: rand.Text()}
	return d, d.Check(ctx, b)
}

// Deliver creates or takes the volume, finds its device at a place, has it written, and leaves the
// volume available. What it did is undone even if ctx has ended.
//
// If the restore failed and leaves something behind, the error is a *RemainsError. If the data is
// restored, it joins the Writer's error and a *RollbackError.
func (d *Delivery) Deliver(ctx context.Context, place Place, write Writer) error {
	err := d.forward(ctx, place, write)
	// All the more so if the operator interrupts the restore.
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

// forward takes the steps to a restored volume, and notes how to undo them.
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
	// The metadata is left alone, except for the mark of this run, which RestoreMetadata would
	// remove.
	if err := d.client.Forget(ctx, d.Volume.ID, cinderapi.RunKey); err != nil {
		return fmt.Errorf("the data is restored and verified; %w", err)
	}
	return nil
}

// create creates the volume and tells its id as soon as it has one.
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
		return fmt.Errorf("volume %s has %d GiB, %d were asked for", v.ID, v.SizeGiB,
			d.Wanted.SizeGiB)
	}
	return d.Check(ctx, d.backup)
}

// rollback undoes what must not stay, the last step first. A failed step does not prevent the
// others.
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

// remains returns the error of a restore that failed with err, with what it leaves behind. With
// Cleanup a volume that was created for it is deleted, unless it is still attached or mapped
// (held).
func (d *Delivery) remains(ctx context.Context, err error, held bool) error {
	created := d.Wanted != nil
	if d.Volume == nil || !created && !d.written.Begun {
		return err // nothing remains, or err says how to look for the volume
	}
	r := &RemainsError{Err: err, Volume: d.Volume, Created: created}
	// The marker of an interrupted run does not outlast a device that appears anew each time.
	r.Marked = d.found == nil || d.found.Lasting || !d.written.Begun
	if created && d.o.Cleanup && !held {
		d.o.Tell(fmt.Sprintf("deleting volume %s, created for this restore", d.Volume.ID))
		r.NotDeleted = d.client.DeleteCreated(ctx, d.Volume.ID, d.run)
		if r.Deleted = r.NotDeleted == nil; r.Deleted {
			return r
		}
	}
	// Report the volume as it is now, else as it was last seen.
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if now, err := d.client.GetVolume(ctx, d.Volume.ID); err == nil {
		r.Volume = now
	}
	return r
}
