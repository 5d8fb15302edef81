package mount

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/keys"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/serve"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs"
)

// Options are what the flags and arguments of mount ask for.
type Options struct {
	Err              io.Writer // for people
	Source           source.Options
	Memory           process.Memory
	Command          string        // the name by which the command was called
	Given            cmdline.Given // the flags among them
	Args             []string      // all that were given, to be counted
	Backups, Volumes []string      // whose disks are served; none: all
	Keys             keys.Options
	DiskCacheSize    string
	UID, GID, Mode   string
	LogFile          string
	Metrics          string // address, "": metrics are not served
	RunCommand       string // of --run, "": the mount stays
	Background       bool
	Files            bool          // are shown inside each disk, too
	FilesOwner       bool          // files belong to whoever mounts
	Idle, Refresh    time.Duration // Idle 0: an unused mount stays
	// Disks and FUSE are what is asked of the disks and of the mounted tree: of Disks DiskCache,
	// Overlay, Index and Version, of FUSE AllowOther. prepare, open and mount complete them.
	Disks serve.Options
	FUSE  fusefs.Options

	mountpoint string
	store      backupstore.Options
}

// prepare checks what can be checked without looking at files, and bounds the memory of the
// process.
func (o *Options) prepare() (err error) {
	if err := o.wantMountpoint(); err != nil {
		return err
	}
	o.mountpoint = o.Args[0]
	bytes, err := o.Memory.Bound()
	if err != nil {
		return err
	}
	if bytes, err = o.prepareDiskCache(bytes); err != nil {
		return err
	}
	if err := o.prepareOwner(); err != nil {
		return err
	}
	if bytes, err = o.prepareKeys(bytes); err != nil {
		return err
	}
	o.store.DecoderBytes, o.Disks.CacheBytes = bytes, bytes
	if err := o.showFiles(bytes / filesPart); err != nil {
		return err
	}
	o.Source.MemoryFor, o.Disks.MemoryFor = o.Memory.EnoughFor(), o.Memory.EnoughFor()
	o.FUSE.Writable = o.Disks.Overlay != ""
	o.Disks.Logger, o.FUSE.Logger = o.Source.Logger, o.Source.Logger
	switch {
	case o.Refresh <= 0:
		return cmdline.Usagef("--refresh must be more than 0")
	case o.Idle < 0:
		return cmdline.Usagef("--idle-timeout must not be less than 0")
	case o.RunCommand != "" && o.Background:
		return cmdline.Usagef("--run and --daemon exclude each other: --run ends when its " +
			"command does")
	}
	return nil
}

// prepareDiskCache gives the disk cache its memory, and returns what of bytes is left.
func (o *Options) prepareDiskCache(bytes int64) (left int64, err error) {
	if o.Disks.DiskCache == "" && o.Given.Has("disk-cache-size") {
		return 0, cmdline.Usagef("--disk-cache-size has no meaning without --disk-cache DIRECTORY")
	}
	if o.Disks.DiskCache != "" {
		if o.Memory, o.Disks.DiskCacheBytes, err = o.Memory.WithDiskCache(o.DiskCacheSize); err !=
			nil {
			return 0, err
		}
		bytes -= o.Memory.Disk
	}
	return bytes, nil
}

// prepareOwner settles whose the files are, and their mode.
func (o *Options) prepareOwner() (err error) {
	if o.FUSE.Mode, err = cmdline.ParseMode(o.Mode); err != nil {
		return err
	}
	if o.UID != "" || o.GID != "" {
		o.FUSE.Owner = &fusefs.Owner{}
		if o.FUSE.Owner.UID, o.FUSE.Owner.GID, err = cmdline.ParseOwner(o.UID, o.GID); err != nil {
			return err
		}
	}
	return nil
}

// prepareKeys leaves of bytes what keys do not need while one of them is derived.
func (o *Options) prepareKeys(bytes int64) (left int64, err error) {
	if !o.Keys.Given() {
		return bytes, nil
	}
	if o.Disks.Overlay != "" {
		return 0, cmdline.Usagef("the key of encrypted volumes does not go with --overlay: a " +
			"disk that is written to is opened by cryptsetup, from its volume.raw")
	}
	return bytes * 5 / 8, nil // of decoders and cache together half of --memory
}

// openKeys reads the keys.
func (o *Options) openKeys(ctx context.Context) (*keys.Keys, error) {
	if !o.Keys.Given() {
		return nil, nil
	}
	total, err := o.Memory.Total()
	if err != nil {
		return nil, err
	}
	return keys.Open(ctx, o.Keys, keys.Memory(total), o.Source.Logger)
}

// filesPart is the divisor of the cache's memory that the file systems that are open may have.
const filesPart = 4

// showFiles has the mount show the files inside disks, if that is asked for, with so much memory.
func (o *Options) showFiles(bytes int64) error {
	switch {
	case o.Files:
		o.FUSE.Files = &fusefs.FilesOptions{Own: o.FilesOwner, MemoryBytes: bytes}
		o.Disks.CacheBytes -= bytes
	case o.FilesOwner:
		return cmdline.Usagef("--files-owner has no meaning without --files")
	}
	return nil
}

// wantMountpoint refuses other arguments than one.
func (o *Options) wantMountpoint() error {
	hint := ""
	if len(o.Args) == 2 {
		hint = fmt.Sprintf(" (the share and volumes are flags: --share %s, or "+
			"--volume %[1]s, before %s)",
			wording.ShellWord(o.Args[0]), wording.ShellWord(o.Args[1]))
	}
	return cmdline.WantArgs(o.Command, o.Args, hint, "MOUNTPOINT")
}

// makes returns the directories that are made if they do not exist.
func (o *Options) makes() []string {
	return places.NotEmpty(o.Source.Cache.Dir, o.Disks.DiskCache, o.Disks.Overlay)
}

// writes returns the directories and files that the mount writes and that the mountpoint must not
// overlap.
func (o *Options) writes() []string { return append(o.makes(), places.NotEmpty(o.LogFile)...) }

// avoid returns the paths that the mount must not overlap, the share among them.
func (o *Options) avoid(share *locate.Share) []string {
	return append(o.writes(), share.Dirs()...)
}

// makeAbsolute makes the paths absolute, because a server in the background changes its directory.
func (o *Options) makeAbsolute() (err error) {
	paths := []*string{&o.Source.Cache.Dir, &o.Disks.DiskCache, &o.Disks.Overlay, &o.LogFile}
	o.Source.Share.More = slices.Clone(o.Source.Share.More)
	shares := []*string{&o.Source.Share.Share}
	for i := range o.Source.Share.More {
		shares = append(shares, &o.Source.Share.More[i])
	}
	for _, share := range shares {
		if !locate.IsExport(*share) {
			paths = append(paths, share)
		}
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
