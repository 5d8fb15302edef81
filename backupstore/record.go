package backupstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/restorefs/restorefs/backupstore/format"
)

// Record is what a restore restores besides the data: the volume as it was when the backup was
// made, and from where that is known.
type Record struct {
	Backup BackupRecord `json:"backup"`
	Volume VolumeRecord `json:"volume"`
	// Decrypted says that the target has the plain disk of an encrypted volume; nil: the volume
	// itself.
	Decrypted *Decryption `json:"decrypted,omitempty"`
}

// Decryption is how the volume is encrypted whose plain disk was restored.
type Decryption struct {
	Version   int    `json:"luks_version"`
	Cipher    string `json:"cipher"`
	SizeBytes int64  `json:"size_bytes"` // of the plain disk
}

// BackupRecord says which backup a Record is of.
type BackupRecord struct {
	ID          string    `json:"id"`
	Name        *string   `json:"name"`
	Description *string   `json:"description"`
	CreatedAt   time.Time `json:"created_at"`
	ParentID    *string   `json:"parent_id"`
}

// VolumeRecord is the volume's own part of a Record. nil is null.
type VolumeRecord struct {
	ID               string            `json:"id"`
	SizeBytes        int64             `json:"size_bytes"`
	Name             *string           `json:"name"`
	Description      *string           `json:"description"`
	Bootable         bool              `json:"bootable"`
	Metadata         map[string]string `json:"metadata"`
	ImageMetadata    map[string]string `json:"image_metadata"`
	VolumeTypeID     *string           `json:"volume_type_id"`
	AvailabilityZone *string           `json:"availability_zone"`
	EncryptionKeyID  *string           `json:"encryption_key_id"`
	Multiattach      bool              `json:"multiattach"`
}

// ReadVolumeMeta reads all of the volume's own record from the share. It returns nil if there is
// none that can be used, which Problems explains. An error is that of the share,
// format.ErrTooLarge, or ErrDamaged if the file is no longer the one that was listed. The Catalog
// must not be closed.
func (b *Backup) ReadVolumeMeta(ctx context.Context) (*format.VolumeMeta, error) {
	if b.VolumeMeta == nil {
		return nil, nil
	}
	m, err := b.catalog.readVolumeMeta(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("backup %s: read its volume's metadata from %s: %w", b.ID,
			b.file("_metadata"), advised(err))
	}
	return m, nil
}

func (c *Catalog) readVolumeMeta(ctx context.Context, b *Backup) (*format.VolumeMeta, error) {
	f, err := c.share.Open(ctx, b.file("_metadata"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	part := io.NewSectionReader(withContext{ctx, f}, b.VolumePart.Off, b.VolumePart.Len)
	m, err := format.ReadVolumeMeta(part)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case f.Size() != b.Metadata.Size || f.ModTime().UnixNano() != b.Metadata.Modified:
		return nil, fmt.Errorf("%w: %w", errLayer, ErrDamaged)
	case m != nil && errors.Is(err, format.ErrJSON):
		return m, nil // in part, as when it was listed
	}
	return m, err
}

// Record returns what a restore of b would restore besides the data. Errors are those of
// ReadVolumeMeta.
func (b *Backup) Record(ctx context.Context) (Record, error) {
	m, err := b.ReadVolumeMeta(ctx)
	if err != nil {
		return Record{}, err
	}
	r := Record{
		Backup: BackupRecord{ID: b.ID, Name: b.Name, Description: b.Description,
			CreatedAt: b.CreatedAt},
		Volume: VolumeRecord{ID: b.VolumeID, SizeBytes: b.Size, Metadata: map[string]string{},
			ImageMetadata: map[string]string{}},
	}
	if b.ParentID != "" {
		r.Backup.ParentID = &b.ParentID
	}
	if m == nil {
		return r, nil
	}
	v := &r.Volume
	v.Name, v.Description, v.VolumeTypeID = m.Base.Name, m.Base.Description, m.Base.VolumeTypeID
	v.AvailabilityZone, v.EncryptionKeyID = m.Base.AvailabilityZone, m.Base.EncryptionKeyID
	// Cinder makes a volume bootable when it has image metadata.
	v.Bootable = m.Base.Bootable || len(m.Image) > 0
	v.Multiattach = m.Base.Multiattach
	maps.Copy(v.Metadata, m.Metadata)
	maps.Copy(v.ImageMetadata, m.Image)
	return r, nil
}
