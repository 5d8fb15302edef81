package browse

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/keys"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/fusefs/inside/luks"
)

// opened calls fn with the disk of the backup that o names, and the share that it is on.
func opened(ctx context.Context, o Options, fn func(*browser, *locate.Share) error) error {
	if o.Overlay != "" {
		if err := places.CheckOverlays(o.Source.Cache.Group, o.Overlay); err != nil {
			return err
		}
	}
	memory, given, unlock, err := bounds(ctx, o)
	if err != nil {
		return err
	}
	defer given.Close()
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
		Unlock: unlock, Logger: o.Source.Logger,
	})
	if o.Overlay != "" && errors.Is(err, fs.ErrNotExist) {
		return cmdline.Usagef(
			"nothing was written onto backup %s in %s: leave --overlay out, or see "+
				"\"restorefs overlay list %s\"", backup.ID, o.Overlay, o.Overlay)
	}
	if err != nil {
		return advised(err)
	}
	defer disk.Close()
	b := &browser{out: o.Out, err: o.Err, json: o.JSON, backup: backup.ID, disk: disk}
	err = advised(fn(b, share))
	b.notes() // what was noticed while files were read
	return err
}

// unlock is files.Options.Unlock.
type unlock = func(context.Context, *backupstore.Backup, io.ReaderAt, int64) (luks.Disk, error)

// bounds returns the memory that each large user may have, the keys that o asks for, and how disks
// are unlocked with them; nil if none are. The caller closes the keys, also those that are nil.
func bounds(ctx context.Context, o Options) (memory int64, given *keys.Keys, how unlock,
	err error) {
	if memory, err = o.Memory.Bound(); err != nil || !o.Keys.Given() {
		return memory, nil, nil, err
	}
	total, err := o.Memory.Total()
	if err != nil {
		return 0, nil, nil, err
	}
	if given, err = keys.Open(ctx, o.Keys, keys.Memory(total), o.Source.Logger); err != nil {
		return 0, nil, nil, err
	}
	return memory, given, given.Unlock, nil
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
