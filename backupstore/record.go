package backupstore

import (
	"maps"
	"time"
)

// Record is what a restore puts back besides the data: the volume as it was
// when the backup was made, and where that is known from.
type Record struct {
	Backup BackupRecord `json:"backup"`
	Volume VolumeRecord `json:"volume"`
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

// Record returns what a restore of b would put back besides the data.
func (b *Backup) Record() Record {
	r := Record{
		Backup: BackupRecord{ID: b.ID, Name: b.Name, Description: b.Description, CreatedAt: b.CreatedAt},
		Volume: VolumeRecord{ID: b.VolumeID, SizeBytes: b.Size, Metadata: map[string]string{}, ImageMetadata: map[string]string{}},
	}
	if b.ParentID != "" {
		r.Backup.ParentID = &b.ParentID
	}
	m := b.VolumeMeta
	if m == nil {
		return r
	}
	v := &r.Volume
	v.Name, v.Description, v.VolumeTypeID = m.Base.Name, m.Base.Description, m.Base.VolumeTypeID
	v.AvailabilityZone, v.EncryptionKeyID = m.Base.AvailabilityZone, m.Base.EncryptionKeyID
	// Cinder makes a volume bootable when it has image metadata.
	v.Bootable = m.Base.Bootable || len(m.Image) > 0
	v.Multiattach = m.Base.Multiattach
	maps.Copy(v.Metadata, m.Metadata)
	maps.Copy(v.ImageMetadata, m.Image)
	return r
}
