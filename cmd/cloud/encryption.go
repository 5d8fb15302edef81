package cloud

import (
	"context"
	"fmt"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/materialize"
)

// encryption returns why the backup's data could not be read on the volume, "" if it could. Cinder
// checks the same in cinder/backup/driver.py, _restore_vol_encryption_meta, but after it has
// written the data.
func (d *Destination) encryption(ctx context.Context, b *backupstore.Backup) (string, error) {
	m := b.VolumeMeta
	switch {
	case m == nil:
		return "", nil
	case m.Base.EncryptionKeyID == nil && d.Volume.Encrypted:
		return "it is encrypted, the backup is not: what is written as it is could not be read " +
			"through its encryption", nil
	case m.Base.EncryptionKeyID == nil:
		return "", nil
	case !d.Volume.Encrypted:
		return "the backup is of an encrypted volume (its data is encrypted), this one is not: " +
			"make a volume of the same volume type" + typeHint(m.Base.VolumeTypeID), nil
	case m.Base.VolumeTypeID == nil:
		return "", nil
	}
	have := ""
	if d.Volume.VolumeTypeID != nil { // since microversion 3.63
		have = *d.Volume.VolumeTypeID
	} else if d.Volume.VolumeType != nil {
		t, err := d.client.FindVolumeType(ctx, *d.Volume.VolumeType)
		if err != nil {
			return "", err
		}
		have = t.ID
	}
	if have != *m.Base.VolumeTypeID {
		return fmt.Sprintf("the backup is encrypted and can only be read on a volume of the same "+
			"volume type%s; this one's is %s", typeHint(m.Base.VolumeTypeID), have), nil
	}
	return "", nil
}

func typeHint(id *string) string {
	if id == nil {
		return ""
	}
	return ", id " + safetext.Printable(*id)
}

// NoTypeError says that a backup of an encrypted volume needs a volume of the same type, but none
// was given.
type NoTypeError struct {
	Backup string // id
	Was    string // type of its volume, in words
}

// Error implements error.
func (e *NoTypeError) Error() string {
	return fmt.Sprintf("backup %s is of an encrypted volume, which can only be read on a volume "+
		"of the same volume type; it was %s", e.Backup, e.Was)
}

// Encrypted reports whether the backup's data is encrypted. Such data can be used only where a
// volume's own bytes are written, not through an attachment that encrypts what is written.
func Encrypted(b *backupstore.Backup) bool {
	return b.VolumeMeta != nil && b.VolumeMeta.Base.EncryptionKeyID != nil
}

// sameEncryption refuses to create a volume for an encrypted backup unless it gets the volume type
// that the backup's volume had.
func (d *Destination) sameEncryption(ctx context.Context, b *backupstore.Backup,
	wanted string) error {
	if !Encrypted(b) {
		return nil
	}
	was := b.VolumeMeta.Base.VolumeTypeID
	if wanted == "" {
		return &NoTypeError{Backup: b.ID, Was: d.typeWords(ctx, was)}
	}
	if was == nil {
		return nil
	}
	t, err := d.client.FindVolumeType(ctx, wanted)
	if err != nil {
		return err
	}
	if t.ID == *was {
		return nil
	}
	return refusal("a volume of type "+wanted, materialize.ReasonNotATarget,
		fmt.Sprintf("the backup is encrypted and can only be read on a volume of the same volume "+
			"type: it was %s, this one is %s (id %s)",
			d.typeWords(ctx, was), safetext.Printable(t.Name), safetext.Printable(t.ID)))
}

// typeWords returns the volume type that a volume had, in words.
func (d *Destination) typeWords(ctx context.Context, id *string) string {
	if id == nil {
		return "of a type that the backup does not tell"
	}
	t, err := d.client.FindVolumeType(ctx, *id)
	if err != nil {
		return fmt.Sprintf("of a type that this project does not have (id %s)",
			safetext.Printable(*id))
	}
	return fmt.Sprintf("of type %s (id %s)", safetext.Printable(t.Name), safetext.Printable(t.ID))
}
