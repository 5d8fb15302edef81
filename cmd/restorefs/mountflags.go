package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/serve"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs"
)

// mountOptions are what the flags of mount ask for.
type mountOptions struct {
	common
	mountpoint       string
	backups, volumes []string // whose disks are served; none: all
	diskCacheSize    string
	uid, gid, mode   string
	logFile          string
	metrics          string // address, "": metrics are not served
	run              string // command, "": the mount stays
	background       bool
	files            bool
	filesOwner       bool          // files belong to whoever mounts
	idle, refresh    time.Duration // idle 0: an unused mount stays

	store backupstore.Options
	disks serve.Options
	fuse  fusefs.Options
}

// prepare checks what can be checked without looking at files, and bounds the memory of the
// process.
func (o *mountOptions) prepare() (err error) {
	if err := o.wantMountpoint(); err != nil {
		return err
	}
	o.mountpoint = o.arg(0)
	bytes, err := o.memory.Bound()
	if err != nil {
		return err
	}
	if bytes, err = o.prepareDiskCache(bytes); err != nil {
		return err
	}
	if err := o.prepareOwner(); err != nil {
		return err
	}
	o.store.DecoderBytes, o.disks.CacheBytes = bytes, bytes
	if err := o.showFiles(bytes / filesPart); err != nil {
		return err
	}
	o.disks.MemoryFor, o.disks.Version = o.memory.EnoughFor(), buildVersion()
	o.fuse.Writable = o.disks.Overlay != ""
	o.disks.Logger, o.fuse.Logger = o.log, o.log
	switch {
	case o.refresh <= 0:
		return cmdline.Usagef("--refresh must be more than 0")
	case o.idle < 0:
		return cmdline.Usagef("--idle-timeout must not be less than 0")
	case o.run != "" && o.background:
		return cmdline.Usagef("--run and --daemon exclude each other: --run ends when its " +
			"command does")
	}
	return nil
}

// prepareDiskCache gives the disk cache its memory, and returns what of bytes is left.
func (o *mountOptions) prepareDiskCache(bytes int64) (left int64, err error) {
	if o.disks.DiskCache == "" && o.given.Has("disk-cache-size") {
		return 0, cmdline.Usagef("--disk-cache-size has no meaning without --disk-cache DIRECTORY")
	}
	if o.disks.DiskCache != "" {
		if o.memory, o.disks.DiskCacheBytes, err = o.memory.WithDiskCache(o.diskCacheSize); err !=
			nil {
			return 0, err
		}
		bytes -= o.memory.Disk
	}
	return bytes, nil
}

// prepareOwner settles whose the files are, and their mode.
func (o *mountOptions) prepareOwner() (err error) {
	if o.fuse.Mode, err = cmdline.ParseMode(o.mode); err != nil {
		return err
	}
	if o.uid != "" || o.gid != "" {
		o.fuse.Owner = &fusefs.Owner{}
		if o.fuse.Owner.UID, o.fuse.Owner.GID, err = cmdline.ParseOwner(o.uid, o.gid); err != nil {
			return err
		}
	}
	return nil
}

// filesPart is the divisor of the cache's memory that the file systems that are open may have.
const filesPart = 4

// showFiles has the mount show the files inside disks, if that is asked for, with so much memory.
func (o *mountOptions) showFiles(bytes int64) error {
	switch {
	case o.files:
		o.fuse.Files = &fusefs.FilesOptions{Own: o.filesOwner, MemoryBytes: bytes}
		o.disks.CacheBytes -= bytes
	case o.filesOwner:
		return cmdline.Usagef("--files-owner has no meaning without --files")
	}
	return nil
}

// wantMountpoint refuses other arguments than one.
func (o *mountOptions) wantMountpoint() error {
	hint := ""
	if len(o.args) == 2 {
		hint = fmt.Sprintf(" (the share is not one of them: restorefs mount --share %s %s)",
			wording.ShellWord(o.args[0]), wording.ShellWord(o.args[1]))
	}
	return cmdline.WantArgs(o.command, o.args, hint, "MOUNTPOINT")
}

// makes returns the directories that are made if they do not exist.
func (o *mountOptions) makes() []string {
	return places.NotEmpty(o.cache.Dir, o.disks.DiskCache, o.disks.Overlay)
}

// writes returns the directories and files that the mount writes and that the mountpoint must not
// overlap.
func (o *mountOptions) writes() []string { return append(o.makes(), places.NotEmpty(o.logFile)...) }

// avoid returns the paths that the mount must not overlap, the share among them.
func (o *mountOptions) avoid(share *locate.Share) []string {
	return append(o.writes(), places.NotEmpty(share.Dir)...)
}

// makeAbsolute makes the paths absolute, because a server in the background changes its directory.
func (o *mountOptions) makeAbsolute() (err error) {
	paths := []*string{&o.cache.Dir, &o.disks.DiskCache, &o.disks.Overlay, &o.logFile}
	if !locate.IsExport(o.share.Share) {
		paths = append(paths, &o.share.Share)
	}
	for _, path := range paths {
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	return nil
}

// logTo has the messages of the mount go to the file of --log-file, if there is one.
func (o *mountOptions) logTo(ctx context.Context, share *locate.Share, n *process.Notifier) error {
	if o.logFile == "" {
		return nil
	}
	if err := places.Outside(ctx, share, o.logFile); err != nil {
		return fmt.Errorf("--log-file: %w", err)
	}
	return n.LogTo(o.logFile)
}

// openDisks chooses what is served and makes the directories for it.
func openDisks(ctx context.Context, o *mountOptions, catalog *backupstore.Catalog,
	share *locate.Share) (*serve.Disks, error) {
	if len(catalog.Backups()) == 0 {
		// Backups may appear later: a mount that follows the share may be there before them.
		o.log.Warn(source.None(catalog).Error()+" It is looked at again and again, and backups "+
			"appear as soon as they are there",
			"every", o.refresh)
	}
	only, notes, err := serve.Only(catalog, o.backups, o.volumes)
	if err != nil {
		return nil, err
	}
	source.Tell(o.Err, notes)
	o.disks.Only = only
	if dir := o.disks.DiskCache; dir != "" {
		if err := places.MakeOwn(ctx, share, o.cache.Group, "disk-cache", dir); err != nil {
			return nil, err
		}
	}
	if dir := o.disks.Overlay; dir != "" {
		if err := places.MakeOwn(ctx, share, o.cache.Group, "overlay", dir); err != nil {
			return nil, err
		}
		if o.disks.Overlay, err = filepath.Abs(dir); err != nil {
			return nil, err
		}
	}
	o.disks.Share = places.InFull(share)
	disks, err := serve.New(ctx, catalog, o.disks)
	if err == nil {
		process.SpareThread()
	}
	return disks, err
}
