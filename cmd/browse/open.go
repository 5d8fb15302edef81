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

// with calls fn with the disk of the backup that o names, and the share that it is on.
func with(ctx context.Context, o Options, fn func(*browser, *locate.Share) error) error {
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
	disk, err := files.Open(ctx, catalog, backup, files.Options{
		CacheBytes: memory, MemoryFor: o.Memory.EnoughFor(), Overlay: o.Overlay,
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
