package backupstore

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/several"
)

// ImportRecord is a backup's row in Cinder's database, as far as it is known from the share: the
// JSON in the backup_url of `openstack volume backup record export`, with its names and types
// (cinder/objects/backup.py, encode_record, version 1.7). nil is null.
//
// When Cinder imports it (cinder/backup/manager.py, import_record), it sets the service, the host
// and the zone of the cinder-backup that imports, and the user and the project of the caller,
// whatever the record says.
//
// Not on a share are: the host and zone that made the backup, the snapshot that it was made from,
// the time of that snapshot (data_timestamp is then the time of the backup: Cinder only sorts by
// it, to find the parent of the next incremental one), the backup's own metadata, and
// encryption_key_id. That is the backup's own copy of the volume's key. The volume's key in
// volume_meta must not replace it, because Cinder would delete it together with the backup. If
// encryption_key_id is null, Cinder uses the volume's key for a restore.
type ImportRecord struct {
	ID               string  `json:"id"`
	UserID           *string `json:"user_id"`    // the volume's owner
	ProjectID        *string `json:"project_id"` // the volume's
	VolumeID         string  `json:"volume_id"`
	Host             *string `json:"host"`
	AvailabilityZone *string `json:"availability_zone"`
	// below backup_share, where "" is backup_share itself; of object stores the bucket's name, ""
	// where the share does not tell it
	Container       string  `json:"container"`
	ParentID        *string `json:"parent_id"`
	Status          string  `json:"status"`
	FailReason      *string `json:"fail_reason"`
	SizeGiB         int64   `json:"size"`
	Name            *string `json:"display_name"`
	Description     *string `json:"display_description"`
	ServiceMetadata string  `json:"service_metadata"` // the key
	Service         string  `json:"service"`          // the driver
	// objects with data; the number of the last one
	ObjectCount         int               `json:"object_count"`
	TempVolumeID        *string           `json:"temp_volume_id"`
	TempSnapshotID      *string           `json:"temp_snapshot_id"`
	NumDependentBackups int               `json:"num_dependent_backups"`
	SnapshotID          *string           `json:"snapshot_id"`
	DataTimestamp       *string           `json:"data_timestamp"` // 2026-11-22T18:46:01Z
	RestoreVolumeID     *string           `json:"restore_volume_id"`
	Metadata            map[string]string `json:"metadata"`
	EncryptionKeyID     *string           `json:"encryption_key_id"`
	CreatedAt           *string           `json:"created_at"`
	Deleted             bool              `json:"deleted"`
	DeletedAt           *string           `json:"deleted_at"`
	DriverInfo          struct{}          `json:"driver_info"` // the file drivers have none
}

// URL returns the record as `backup-import` accepts it: base64 of JSON.
func (r ImportRecord) URL() (string, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("encode the record of backup %s: %w", r.ID, err)
	}
	return base64.StdEncoding.EncodeToString(text), nil
}

// Importable is a backup that has a record for its import.
type Importable struct {
	*Backup
	service  string
	children int // complete increments of it on the share
	// BucketName is the name of the bucket or container of an object store, if the caller knows
	// it; "" is that which the share tells.
	BucketName string
}

// ImportRecords returns the records of backups and of their chains, each once, every parent before
// its children; service is the name of Cinder's driver. If a backup is not complete, so that Cinder
// could not restore it, the error wraps ErrDamaged.
func (c *Catalog) ImportRecords(backups []*Backup, service string) ([]Importable, error) {
	children := map[string]int{}
	for _, b := range c.Backups() {
		if b.State == Complete && b.Incremental() {
			children[b.ParentID]++
		}
	}
	all := make([]Importable, 0, len(backups))
	done := map[string]bool{}
	for _, b := range backups {
		if b.State != Complete {
			return nil, fmt.Errorf("backup %s is %s: %s: %w", b.ID, b.State,
				b.Problems[0], ErrDamaged)
		}
		first := len(all)
		for l := b; l != nil && !done[l.ID]; l = l.Parent() {
			done[l.ID] = true
			all = append(all, Importable{Backup: l, service: service, children: children[l.ID]})
		}
		slices.Reverse(all[first:])
	}
	return all, nil
}

// ImportRecord returns the record. It is made anew by each call: those of a share are large.
func (b Importable) ImportRecord() ImportRecord {
	_, container := b.inShare()
	r := ImportRecord{
		ID: b.ID, VolumeID: b.VolumeID, Container: container, Status: "available",
		SizeGiB: b.SizeGiB(), Name: b.Name, Description: b.Description,
		ServiceMetadata: b.Key(), Service: b.service, ObjectCount: b.Objects,
		NumDependentBackups: b.children,
		Metadata:            map[string]string{},
	}
	switch {
	case b.InBucket():
		r.Container = cmp.Or(b.BucketName, b.Bucket())
	case r.Container == ".":
		r.Container = ""
	}
	if b.Incremental() {
		r.ParentID = &b.ParentID
	}
	if !b.CreatedAt.IsZero() {
		t := b.CreatedAt.UTC().Format("2006-01-02T15:04:05Z")
		r.CreatedAt, r.DataTimestamp = &t, &t
	}
	if m := b.VolumeMeta; m != nil {
		r.UserID, r.ProjectID = m.Base.UserID, m.Base.ProjectID
	}
	return r
}

// Service returns the name of Cinder's driver in the record.
func (b Importable) Service() string { return b.service }

// SizeGiB returns the size of the volume as Cinder counts it, in whole GiB.
func (b Importable) SizeGiB() int64 {
	const gib = 1 << 30
	return (b.Size + gib - 1) / gib
}

// Misplaced reports whether the share that was opened is not the one that Cinder uses, by the
// container that Cinder gives a backup by default, ID[0:2]/ID[2:4]/ID. above is the directory that
// leads there from a share that is too high up, or ""; below says that the share is a directory
// below Cinder's.
func (b *Backup) Misplaced() (above string, below bool) {
	if b.InBucket() {
		return "", false
	}
	_, container := b.inShare()
	own := path.Join(b.ID[:2], b.ID[2:4], b.ID)
	if above, ok := strings.CutSuffix(container, "/"+own); ok {
		return above, false
	}
	return "", container != own && strings.HasSuffix(own, "/"+container)
}

// inShare returns the share that has the backup, of several that are read as one, and its
// container there.
func (b *Backup) inShare() (share.Share, string) {
	if s, ok := b.catalog.share.(*several.Share); ok {
		if part, rest := s.Part(b.Container()); part != nil {
			return part, rest
		}
	}
	return b.catalog.share, b.Container()
}

// Bucket returns the name of the bucket of object stores that holds the backup, as far as the share
// tells: that of a share that is a bucket, else of the directory that a copy of it is, or "". The
// files themselves name none.
func (b *Backup) Bucket() string {
	in, container := b.inShare()
	if s, ok := in.(interface{ Bucket() string }); ok && s.Bucket() != "" {
		return s.Bucket()
	}
	above := strings.TrimSuffix(strings.TrimSuffix(path.Join(container, b.Prefix()), b.Key()), "/")
	if !b.InBucket() || above == "" {
		return ""
	}
	return path.Base(above)
}
