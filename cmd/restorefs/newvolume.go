package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/cinderapi"
	"github.com/restorefs/restorefs/materialize/device"
)

// delivery is a restore to a volume of the cloud whose device is found, not
// given. It belongs to one goroutine.
type delivery struct {
	*restore
	c     *cli.Context
	place place
	fresh bool // the volume is created
	run   string
	wish  cinderapi.NewVolume // of a fresh one

	undo []undoing // what was done that must not stay, the last first
}

// undoing is a step back.
type undoing struct {
	doing string // for the operator, "" for what takes no time
	step  func(context.Context) error
	// onlyIfBegun is for what was found so: it is left so where nothing was
	// written, as somebody else may count on it.
	onlyIfBegun bool
}

// toFoundDevice is materialize without TARGET.
func toFoundDevice(c *cli.Context) error {
	if err := checkNewVolumeFlags(c); err != nil {
		return err
	}
	rule, err := metadataRule(c)
	if err != nil {
		return err
	}
	var finder device.Finder
	if how := c.String("device-path"); how != "" {
		if finder, err = device.Parse(how); err != nil {
			return usagef("--device-path %w", err)
		}
	}
	r, err := newRestore(c)
	if err != nil {
		return err
	}
	defer r.close()
	client, err := connectCloud(c)
	if err != nil {
		return err
	}
	r.cloud = &cloudVolume{c: c, share: r.o.share, client: client, rule: rule, metadata: !c.Bool("no-metadata")}
	d := &delivery{restore: r, c: c, fresh: c.Bool("new-volume"), run: rand.Text()}
	if m := r.backup.VolumeMeta; c.Bool("attach") && m != nil && m.Base.EncryptionKeyID != nil {
		return usagef("backup %s is of an encrypted volume: its data is encrypted, and what is written through an attachment would be encrypted once more; "+
			"restore it where the volume's own bytes are (--device-path)", r.backup.ID)
	}
	if d.fresh {
		if err := d.wishes(); err != nil {
			return err
		}
	} else if err := d.existing(); err != nil {
		return err
	}
	if d.place, err = choosePlace(c, client, finder); err != nil {
		return err
	}
	if err := d.place.Check(c.Context); err != nil {
		return err
	}
	if c.Bool("dry-run") {
		return d.dryRun()
	}
	if err := d.confirm(); err != nil {
		return err
	}
	return d.deliver()
}

// existing looks at the volume of --volume.
func (d *delivery) existing() error {
	var err error
	if d.cloud.volume, err = d.cloud.client.GetVolume(d.c.Context, d.c.String("volume")); err != nil {
		return err
	}
	return d.cloud.check(d.backup)
}

// wishes says what volume is wanted, and refuses what could not hold the backup.
func (d *delivery) wishes() error {
	c, b := d.c, d.backup
	need := max(b.Size, d.volume.Size(), b.VolumeMeta.SizeBytes())
	d.wish = cinderapi.NewVolume{
		SizeGiB: max((need+1<<30-1)>>30, c.Int64("size"), 1), Type: c.String("type"), Zone: c.String("availability-zone"),
		Name: c.String("name"), Run: d.run,
	}
	// A volume without a name gets the one it had. Cinder's own restore has
	// another way to call one without (cinder/backup/api.py, restore).
	const cinders = "auto-created_from_restore_from_backup"
	switch {
	case d.cloud.rule == cinderapi.RuleCinder && d.cloud.metadata:
		d.wish.Description = cinders
		if d.wish.Name == "" {
			d.wish.Name = "restore_backup_" + b.ID
		}
	case d.wish.Name != "" && b.VolumeMeta != nil && b.VolumeMeta.Base.Description != nil:
		d.wish.Description = *b.VolumeMeta.Base.Description
	}
	return d.sameEncryption()
}

// sameEncryption wants for an encrypted backup the volume type that its volume
// had, before a volume is created.
func (d *delivery) sameEncryption() error {
	m := d.backup.VolumeMeta
	if m == nil || m.Base.EncryptionKeyID == nil {
		return nil
	}
	was := m.Base.VolumeTypeID
	if d.wish.Type == "" {
		return usagef("backup %s is of an encrypted volume, which can only be read on a volume of the same volume type: say it with --type; it was %s", d.backup.ID, d.typeWords(was))
	}
	if was == nil {
		return nil
	}
	t, err := d.cloud.client.FindVolumeType(d.c.Context, d.wish.Type)
	if err != nil {
		return err
	}
	if t.ID != *was {
		return &materialize.RefusedError{Target: "a volume of type " + d.wish.Type, Reasons: []materialize.Reason{{
			Kind: materialize.ReasonNotATarget,
			Text: fmt.Sprintf("the backup is encrypted and can only be read on a volume of the same volume type: it was %s, this one is %s (id %s)", d.typeWords(was), printable(t.Name), printable(t.ID)),
		}}}
	}
	return nil
}

// typeWords names the volume type that the volume had.
func (d *delivery) typeWords(id *string) string {
	if id == nil {
		return "of a type that the backup does not tell"
	}
	t, err := d.cloud.client.FindVolumeType(d.c.Context, *id)
	if err != nil {
		return printable(fmt.Sprintf("of a type that this project does not have (id %s)", *id))
	}
	return printable(fmt.Sprintf("of type %s (id %s)", shellWord(t.Name), t.ID))
}

// target is the volume in words, also before it is created.
func (d *delivery) target() string {
	w := d.wish
	if !d.fresh {
		return printable(d.cloud.String())
	}
	text := fmt.Sprintf("a new volume of %d GiB", w.SizeGiB)
	if w.Type != "" {
		text += " of type " + w.Type
	}
	if w.Zone != "" {
		text += " in zone " + w.Zone
	}
	if w.Name != "" {
		text += fmt.Sprintf(" named %q", w.Name)
	}
	return printable(text)
}

// notes are what the operator should know of a new volume before it is made.
func (d *delivery) notes() (notes []string) {
	m := d.backup.VolumeMeta
	if !d.fresh {
		return d.cloud.notes(d.backup)
	}
	if d.wish.SizeGiB > d.c.Int64("size") && d.c.Int64("size") > 0 {
		notes = append(notes, fmt.Sprintf("--size %d is too small for the backup", d.c.Int64("size")))
	}
	if m == nil {
		return notes
	}
	if m.Base.EncryptionKeyID != nil {
		notes = append(notes, "the data stays encrypted with key "+*m.Base.EncryptionKeyID+"; Cinder as a rule gives the new volume another one, which the API cannot change: "+
			"an administrator does it in Cinder's database, or cryptsetup changes the key of the data")
	}
	if m.Base.VolumeTypeID != nil && d.wish.Type == "" {
		if was := d.typeWords(m.Base.VolumeTypeID); !strings.Contains(was, "__DEFAULT__") {
			notes = append(notes, "the volume was "+was+", the new one will be of the default type (--type)")
		}
	}
	return notes
}

// confirm shows what is about to happen and, on a terminal, asks.
func (d *delivery) confirm() error {
	w := d.c.App.ErrWriter
	what, question := d.target(), "Write to it?"
	if d.fresh {
		question = "Create it and write to it?"
	}
	printBackup(w, d.backup)
	fmt.Fprintf(w, "target  %s\ndevice  %s\n", what, d.place)
	for _, n := range d.notes() {
		fmt.Fprintf(w, "note    %s\n", printable(n))
	}
	if err := d.o.ask(d.c.Context, question, "nothing was written", "to write to "+what); err != nil {
		return err
	}
	d.confirmed = true
	return nil
}

// deliver creates or takes the volume, finds its device, writes it, restores its
// metadata, and leaves the volume available; or says what is left.
func (d *delivery) deliver() error {
	err := d.forth(d.c.Context)
	// These are to happen all the more when the operator wants to leave.
	ctx := context.WithoutCancel(d.c.Context)
	back := d.back(ctx)
	if err == nil && back == nil {
		return nil
	}
	if d.restored {
		if back != nil {
			what := "the data is restored and verified"
			if len(d.rescue.Bad()) > 0 {
				what = "the data is restored, except for what is lost"
			}
			back = fmt.Errorf("%s; %w", what, back)
		}
		return andLeft(err, back)
	}
	return d.left(ctx, err, back)
}

// andLeft joins to how a restore ended, err, what of the cloud it could not put
// back. More than the metadata is not as it should be then.
func andLeft(err, left error) error {
	if left != nil && errors.Is(err, errMetadata) && !errors.Is(err, backupstore.ErrDamaged) {
		err = errors.New(err.Error())
	}
	return errors.Join(err, left)
}

// forth does all that leads to a restored volume, and notes what must be undone.
func (d *delivery) forth(ctx context.Context) error {
	client := d.cloud.client
	if d.fresh {
		if err := d.create(ctx); err != nil {
			return err
		}
	}
	id := d.cloud.volume.ID
	if d.place.reserves() {
		if err := d.reserve(ctx); err != nil {
			return err
		}
	}
	wanted, err := d.wanted(ctx, d.fresh)
	if err != nil {
		return err
	}
	found, err := d.place.find(ctx, wanted, func(step undoing) { d.undo = append(d.undo, step) })
	if err != nil {
		return err
	}
	d.found = found
	path, err := filepath.EvalSymlinks(found.Path)
	if err != nil {
		return fmt.Errorf("the device of volume %s: %w", id, err)
	}
	if err := errors.Join(d.cloud.isAt(found.Path), d.o.outside(path)); err != nil {
		return err
	}
	d.saysHow = true
	if err := d.onto(ctx, found.Path); err != nil || d.cloud.metadata {
		return err
	}
	// The metadata that is left alone is the operator's, not ours.
	if err := client.Forget(ctx, id, cinderapi.RunKey); err != nil {
		return fmt.Errorf("the data is restored and verified; %w", err)
	}
	return nil
}

// create creates the volume and tells its id as soon as there is one.
func (d *delivery) create(ctx context.Context) error {
	client, w := d.cloud.client, d.c.App.ErrWriter
	v, err := client.CreateVolume(ctx, d.wish)
	if v != nil {
		d.cloud.volume = v
		fmt.Fprintf(w, "created volume %s, %d GiB\n", v.ID, v.SizeGiB)
	}
	if err != nil {
		return err
	}
	v, err = client.WaitCreated(ctx, v.ID)
	if v != nil {
		d.cloud.volume = v
	}
	if err != nil {
		return err
	}
	if v.SizeGiB < d.wish.SizeGiB {
		return fmt.Errorf("volume %s has %d GiB, %d were asked for", v.ID, v.SizeGiB, d.wish.SizeGiB)
	}
	return d.cloud.check(d.backup)
}

// reserve keeps others from attaching the volume meanwhile. One that is not ours
// is marked before, for a run to know again what one that was killed reserved.
func (d *delivery) reserve(ctx context.Context) error {
	client, v := d.cloud.client, d.cloud.volume
	if d.cloud.ownReservation() {
		// It may be of a run that goes on.
		d.undo = append(d.undo, undoing{step: d.cloud.endReservation, onlyIfBegun: true})
		return nil
	}
	if v.Status != "available" {
		return &materialize.RefusedError{Target: d.cloud.String(), Reasons: []materialize.Reason{{Kind: materialize.ReasonHeld,
			Text: "its status is " + printable(v.Status) + ", not available: detach it first, or give its device as TARGET"}}}
	}
	held := false
	d.undo = append(d.undo, undoing{step: func(ctx context.Context) error {
		if held {
			return d.cloud.endReservation(ctx)
		}
		return d.cloud.unmark(ctx)
	}})
	if !d.fresh {
		d.cloud.marked = true // as far as is known
		if err := client.Mark(ctx, v.ID, cinderapi.ReservedKey, d.run); err != nil {
			if s := cinderapi.StatusOf(err); s < 400 || s >= 500 || s == http.StatusUnauthorized {
				return err
			}
			d.cloud.marked = false
			d.options.Logger.Warn("the volume cannot be marked: if this run is killed, an administrator must end its reservation", "volume", v.ID, "err", err)
		}
	}
	var why string
	var err error
	if held, why, err = client.Reserve(ctx, v.ID); !held && err == nil {
		d.options.Logger.Warn("the volume cannot be reserved: see to it that nobody attaches it now", "volume", v.ID, "err", why)
	}
	return err
}

// back undoes what must not stay, the last first. What fails does not keep the
// rest from being undone.
func (d *delivery) back(ctx context.Context) (err error) {
	for len(d.undo) > 0 {
		last := d.undo[len(d.undo)-1]
		d.undo = d.undo[:len(d.undo)-1]
		if last.onlyIfBegun && !d.begun {
			continue
		}
		if last.doing != "" {
			fmt.Fprintln(d.c.App.ErrWriter, last.doing)
		}
		err = errors.Join(err, last.step(ctx))
	}
	return err
}
