package attended

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/restore"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize/cinderapi"
	"github.com/restorefs/restorefs/materialize/device"
)

// toFoundDevice is materialize without TARGET.
func toFoundDevice(ctx context.Context, o Options) error {
	if err := o.checkFindsDevice(); err != nil {
		return err
	}
	how, err := o.destinationOptions()
	if err != nil {
		return err
	}
	var finder device.Finder
	if path := o.Cloud.DevicePath; path != "" {
		if finder, err = device.Parse(path); err != nil {
			return cmdline.Usagef("--device-path %w", err)
		}
	}
	r, err := newRestoring(ctx, o)
	if err != nil {
		return err
	}
	defer r.close()
	if r.cloud, err = newCloudVolume(ctx, o, r.share); err != nil {
		return err
	}
	d := &delivery{restoring: r}
	if err := d.planVolume(ctx, how); err != nil {
		return err
	}
	if d.place, err = choosePlace(ctx, r.cloud.client, finder, o.Cloud.Server); err != nil {
		return err
	}
	if err := d.place.Check(ctx); err != nil {
		return err
	}
	if o.DryRun {
		return d.dryRun(ctx)
	}
	if err := d.confirm(ctx); err != nil {
		return err
	}
	return d.deliver(ctx)
}

// planVolume plans the volume of --new-volume, or looks at that of --volume.
func (d *delivery) planVolume(ctx context.Context, how cloud.Options) (err error) {
	f := d.o.Cloud
	if f.Attach && cloud.Encrypted(d.backup) {
		return cmdline.Usagef("backup %s is of an encrypted volume: its data is encrypted, and "+
			"what is written through an attachment would be encrypted once more; "+
			"restore it where the volume's own bytes are (--device-path)", d.backup.ID)
	}
	client := d.cloud.client
	if f.NewVolume {
		d.Delivery, err = cloud.NewVolume(ctx, client, d.backup, d.engine.Volume(), f.Wish, how)
	} else if f.Volume, err = d.cloud.named(ctx, f.Volume); err == nil {
		d.Delivery, err = cloud.ToVolume(ctx, client, f.Volume, d.backup, d.engine.Volume(), how)
	}
	if err != nil {
		return inFlags(err)
	}
	d.cloud.Destination = d.Destination
	return nil
}

// choosePlace returns the place that --device-path names or, if the finder is nil, that of
// --attach. id is the server that this machine is, "" to ask for it.
func choosePlace(ctx context.Context, client *cinderapi.Client, f device.Finder,
	id string) (cloud.Place, error) {
	if f != nil {
		return cloud.OnThisMachine(f), nil
	}
	from := "--server"
	if id == "" {
		var err error
		if id, err = (cinderapi.Here{}).ServerID(ctx); err != nil {
			return nil, fmt.Errorf("%w; say it with --server ID, if this machine is a server of "+
				"the cloud; else use --device-path", err)
		}
		from = "this machine"
	}
	a, err := client.NewAttacher(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("--attach to server %s (%s): %w", wording.Printable(id), from, err)
	}
	return cloud.ByAttachment(a), nil
}

// confirm shows what is about to happen and, on a terminal, asks.
func (d *delivery) confirm(ctx context.Context) error {
	w, what, question := d.o.Err, wording.Printable(d.Target()), "Write to it?"
	if d.Wanted != nil {
		question = "Create it and write to it?"
	}
	printBackup(w, d.backup)
	fmt.Fprintf(w, "target  %s\ndevice  %s\n", what, d.place)
	notes, err := d.Notes(ctx)
	printNotes(w, notes, err)
	if err := d.o.Ask(ctx, question, "nothing was written", "to write to "+what); err != nil {
		return err
	}
	d.confirmed = true
	return nil
}

// deliver creates or takes the volume, writes it, and leaves it available. If it fails it says what
// is left, and how to continue or to remove it.
func (d *delivery) deliver(ctx context.Context) error {
	err := d.Deliver(ctx, d.place, d.write)
	remains, ok := errors.AsType[*cloud.RemainsError](err)
	if !ok {
		return err
	}
	if marker := d.done.Marker; remains.Deleted && marker != "" {
		os.Remove(marker) // a deleted volume is not continued
	}
	return d.explainRemains(remains)
}

// write copies the backup onto the volume's device.
func (d *delivery) write(ctx context.Context, found *device.Device) (cloud.Written, error) {
	path, err := filepath.EvalSymlinks(found.Path)
	if err != nil {
		return cloud.Written{}, fmt.Errorf("the device of volume %s: %w", d.Volume.ID, err)
	}
	if err := d.outside(path); err != nil {
		return cloud.Written{}, err
	}
	d.found, d.saysHow = found, true
	err = d.onto(ctx, found.Path, restore.Guard{Opened: d.isStill})
	done := d.done
	return cloud.Written{Begun: done.Begun, Restored: done.Restored, Lossy: len(done.Lost) > 0}, err
}

// explainRemains makes an error that says what a failed restore leaves behind.
func (d *delivery) explainRemains(e *cloud.RemainsError) error {
	id := e.Volume.ID
	if e.Deleted {
		return fmt.Errorf("%w\nvolume %s, created for this restore, is deleted again (--cleanup)",
			e.Err, id)
	}
	var b strings.Builder
	if e.NotDeleted != nil {
		fmt.Fprintf(&b, "\n--cleanup could not delete volume %s: %v", id, e.NotDeleted)
	}
	made := ""
	if e.Created {
		made = ", created for this restore,"
	}
	fmt.Fprintf(&b, "\nvolume %s%s is there (%s, %d GiB), but not restored", id, made,
		wording.Printable(e.Volume.Status), e.Volume.SizeGiB)
	if !strings.HasPrefix(e.Volume.Status, "error") {
		fmt.Fprintf(&b, "\n  to continue:  %s", d.resumeCommand(e))
	}
	if e.Created {
		fmt.Fprintf(&b, "\n  to remove it: openstack volume delete %s", id)
	}
	return fmt.Errorf("%w%s", e.Err, b.String())
}

// resumeCommand returns the command that continues: this one, with the existing volume.
func (d *delivery) resumeCommand(e *cloud.RemainsError) string {
	drop := []string{
		"new-volume", "type", "availability-zone", "name", "size", "cleanup", "volume",
	}
	return d.o.continuing(d.given, e.Marked, drop, "--volume", e.Volume.ID, d.backup.ID)
}
