package cloud

import (
	"context"
	"fmt"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// RestoreMetadata restores the volume's metadata after the data was written, and reads it back:
// left is what differs from what was wanted. After an error, calling it again does the rest.
func (d *Destination) RestoreMetadata(ctx context.Context,
	b *backupstore.Backup) (left []cinderapi.Difference, err error) {
	if !d.RestoresMetadata() {
		return nil, nil
	}
	o, err := d.origin(ctx, b)
	if err != nil {
		return nil, err
	}
	// The volume may have changed while the data was written.
	now, err := d.client.GetVolume(ctx, d.Volume.ID)
	if err != nil {
		return nil, err
	}
	return d.client.RestoreMetadata(ctx, d.Volume.ID, o.Wanted(d.o.Rule, d.Volume.ID, now.State()))
}

// Changes returns how the volume's metadata would be changed.
func (d *Destination) Changes(ctx context.Context,
	b *backupstore.Backup) ([]cinderapi.Difference, error) {
	if !d.RestoresMetadata() {
		return nil, nil
	}
	o, err := d.origin(ctx, b)
	if err != nil {
		return nil, err
	}
	state := d.Volume.State()
	return cinderapi.Differences(o.Wanted(d.o.Rule, d.Volume.ID, state), state), nil
}

// origin returns what the backup and its parents record of the volume's metadata. The error says
// what is missing.
func (d *Destination) origin(ctx context.Context, b *backupstore.Backup) (cinderapi.Origin, error) {
	o := cinderapi.Origin{BackupID: b.ID, VolumeID: b.VolumeID}
	for l := b; l != nil; l = l.Parent() {
		layer, err := layerOf(ctx, l)
		if err != nil {
			return o, err
		}
		o.Chain = append(o.Chain, layer)
		if d.o.Rule == cinderapi.RuleBackup {
			break
		}
		if l.Incremental() && l.Parent() == nil {
			return o, fmt.Errorf("the metadata rule %q needs all parents: %s of backup %s is not "+
				"on the share: %w", d.o.Rule, l.ParentID, l.ID, backupstore.ErrDamaged)
		}
	}
	if o.Chain[0] == nil && d.o.Rule == cinderapi.RuleBackup {
		return o, fmt.Errorf("backup %s has no usable record of its volume's metadata (see "+
			"restorefs show): there is nothing to restore it from", b.ID)
	}
	return o, nil
}

// layerOf returns what one backup records, nil if nothing.
func layerOf(ctx context.Context, b *backupstore.Backup) (*cinderapi.Layer, error) {
	m, err := b.ReadVolumeMeta(ctx)
	if m == nil || err != nil {
		return nil, err
	}
	return &cinderapi.Layer{
		Version: m.Version, Name: m.Base.Name, Description: m.Base.Description,
		Bootable: m.Base.Bootable, Metadata: m.Metadata,
		Image: m.Image, VolumeTypeID: m.Base.VolumeTypeID, EncryptionKeyID: m.Base.EncryptionKeyID,
	}, nil
}
