package browse

import (
	"context"
	"errors"
	"io/fs"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/source"
)

// opened calls fn with the disk of the backup that o names, and the share that it is on.
func opened(ctx context.Context, o Options, fn func(*browser, *locate.Share) error) error {
	memory, err := o.Memory.Bound()
	if err != nil {
		return err
	}
	if o.Overlay != "" {
		if err := places.CheckOverlays(o.Source.Cache.Group, o.Overlay); err != nil {
			return err
		}
	}
	catalog, share, err := source.Open(ctx, o.Source, backupstore.Options{DecoderBytes: memory})
	if err != nil {
		return err
	}
	defer catalog.Close()
	backup, err := source.Find(catalog, o.Backup, o.Err)
	if err != nil {
		return err
	}
	beside, err := besideOf(catalog, backup, o)
	if err != nil {
		return err
	}
	disk, err := files.Open(ctx, catalog, backup, files.Options{
		CacheBytes: memory, MemoryFor: o.Memory.EnoughFor(), Overlay: o.Overlay, With: beside,
		Logger: o.Source.Logger,
	})
	if o.Overlay != "" && errors.Is(err, fs.ErrNotExist) {
		return cmdline.Usagef(
			"nothing was written onto backup %s in %s: leave --overlay out, or see "+
				"\"restorefs overlay list %s\"", backup.ID, o.Overlay, o.Overlay)
	}
	if err != nil {
		return err
	}
	defer disk.Close()
	b := &browser{out: o.Out, err: o.Err, json: o.JSON, backup: backup.ID, disk: disk}
	err = advised(fn(b, share))
	b.notes() // what was noticed while files were read
	return err
}

// besideOf finds the backups of other disks of the server.
func besideOf(catalog *backupstore.Catalog, backup *backupstore.Backup,
	o Options) (list []*backupstore.Backup, err error) {
	for _, word := range o.With {
		other, err := source.Find(catalog, word, o.Err)
		if err != nil {
			return nil, err
		}
		if other.VolumeID == backup.VolumeID {
			return nil, cmdline.Usagef("--with %s is a backup of the same volume %s: it is for "+
				"other disks of the server", word, backup.VolumeID)
		}
		list = append(list, other)
	}
	return list, nil
}
