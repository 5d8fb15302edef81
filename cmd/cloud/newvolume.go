package cloud

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// NewVolume plans a restore of b, with the content data, to a volume that Deliver creates. Nothing
// is created yet. If the volume could not hold the backup, the error is a *NoTypeError or a
// *materialize.RefusedError.
func NewVolume(ctx context.Context, client *cinderapi.Client, b *backupstore.Backup, data Data,
	w Wish, o Options) (*Delivery, error) {
	d := &Delivery{Destination: newDestination(client, o), backup: b, data: data, wish: w,
		run: rand.Text()}
	size := max(b.Size, data.Size(), b.VolumeMeta.SizeBytes())
	d.Wanted = &cinderapi.NewVolume{SizeGiB: max(wholeGiB(size), w.SizeGiB, 1), Type: w.Type,
		Zone: w.Zone, Name: w.Name, Run: d.run}
	// RestoreMetadata gives an unnamed volume the name and description that it had; a named one
	// gets the description here. Cinder's own restore names new volumes in its own way
	// (cinder/backup/api.py, restore).
	const cinders = "auto-created_from_restore_from_backup"
	switch {
	case d.o.Rule == cinderapi.RuleCinder && !o.NoMetadata:
		d.Wanted.Description = cinders
		if w.Name == "" {
			d.Wanted.Name = "restore_backup_" + b.ID
		}
	case w.Name != "" && b.VolumeMeta != nil && b.VolumeMeta.Base.Description != nil:
		d.Wanted.Description = *b.VolumeMeta.Base.Description
	}
	return d, d.sameEncryption(ctx, b, w.Type)
}

// Target describes the volume, even before it is created.
func (d *Delivery) Target() string {
	w := d.Wanted
	if w == nil {
		return d.String()
	}
	text := fmt.Sprintf("a new volume of %d GiB", w.SizeGiB)
	if w.Type != "" {
		text += " of type " + safetext.Printable(w.Type)
	}
	if w.Zone != "" {
		text += " in zone " + safetext.Printable(w.Zone)
	}
	if w.Name != "" {
		text += fmt.Sprintf(" named %q", w.Name)
	}
	return text
}

// Notes returns what the operator should know before the volume is created or written. The error is
// why the metadata of an existing volume will not be restored.
func (d *Delivery) Notes(ctx context.Context) ([]string, error) {
	if d.Wanted == nil {
		return d.Destination.Notes(ctx, d.backup)
	}
	var notes []string
	if d.wish.SizeGiB > 0 && d.Wanted.SizeGiB > d.wish.SizeGiB {
		notes = append(notes,
			fmt.Sprintf("the %d GiB that were asked for are too small for the backup",
				d.wish.SizeGiB))
	}
	m := d.backup.VolumeMeta
	if m == nil {
		return notes, nil
	}
	if m.Base.EncryptionKeyID != nil {
		notes = append(notes, "the data stays encrypted with key "+*m.Base.EncryptionKeyID+
			"; Cinder as a rule gives the new volume another one, which the API cannot change: "+
			"an administrator does it in Cinder's database, or cryptsetup changes the key "+
			"of the data")
	}
	if m.Base.VolumeTypeID != nil && d.Wanted.Type == "" {
		if was := d.typeWords(ctx, m.Base.VolumeTypeID); !strings.Contains(was, "__DEFAULT__") {
			note := "the volume was " + was + ", the new one will be of the default type"
			if d.o.Advice.OtherType != "" {
				note += "; " + d.o.Advice.OtherType
			}
			notes = append(notes, note)
		}
	}
	return notes, nil
}
