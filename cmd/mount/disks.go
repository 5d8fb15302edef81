package mount

import (
	"context"
	"path/filepath"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/serve"
	"github.com/restorefs/restorefs/cmd/source"
)

// openDisks chooses what is served and makes the directories for it.
func openDisks(ctx context.Context, o *Options, catalog *backupstore.Catalog,
	share *locate.Share) (*serve.Disks, error) {
	if len(catalog.Backups()) == 0 {
		// Backups may appear later: a mount that follows the share may be there before them.
		o.Source.Logger.Warn(source.None(catalog).Error()+
			" It is looked at again and again, and backups appear as soon as they are there",
			"every", o.Refresh)
	}
	only, notes, err := serve.Only(catalog, o.Backups, o.Volumes)
	if err != nil {
		return nil, err
	}
	source.Tell(o.Err, notes)
	o.Disks.Only = only
	if dir := o.Disks.DiskCache; dir != "" {
		if err := places.MakeOwn(ctx, share, o.Source.Cache.Group, "disk-cache", dir); err != nil {
			return nil, err
		}
	}
	if dir := o.Disks.Overlay; dir != "" {
		if err := places.MakeOwn(ctx, share, o.Source.Cache.Group, "overlay", dir); err != nil {
			return nil, err
		}
		if o.Disks.Overlay, err = filepath.Abs(dir); err != nil {
			return nil, err
		}
	}
	o.Disks.Share = places.InFull(share)
	disks, err := serve.New(ctx, catalog, o.Disks)
	if err == nil {
		process.SpareThread()
	}
	return disks, err
}
