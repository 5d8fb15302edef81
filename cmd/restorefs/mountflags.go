package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/serve"
	"github.com/restorefs/restorefs/fusefs"
)

// mountOptions are what the flags of mount ask for.
type mountOptions struct {
	mountpoint       string
	share            locate.Options
	catalog          backupstore.Options
	backups, volumes []string // whose disks are served; none: all
	disks            serve.Options
	fuse             fusefs.Options
	cacheDir         string
	logFile          string
	metrics          string // address, "": metrics are not served
	run              string // command, "": the mount stays
	background       bool
	idle, refresh    time.Duration // idle 0: an unused mount stays
	log              *slog.Logger
}

// mountFlags reads the flags of mount, checks what can be checked without looking at files, and
// bounds the memory of the process.
func mountFlags(c *cli.Context) (o mountOptions, err error) {
	if err := wantArgs(c, "MOUNTPOINT"); err != nil {
		return o, err
	}
	memory, err := memoryShare(c)
	if err != nil {
		return o, err
	}
	kept, keptMemory, err := diskCacheSize(c)
	if err != nil {
		return o, err
	}
	memory -= keptMemory / 2 // decoders and cache both give a half
	mode, err := fileMode(c)
	if err != nil {
		return o, err
	}
	owner, err := owner(c)
	if err != nil {
		return o, err
	}
	log := newLogger(c)
	o = mountOptions{
		mountpoint: c.Args().First(), share: shareOptions(c), catalog: backupstore.Options{DecoderBytes: memory},
		backups: c.StringSlice("backup"), volumes: c.StringSlice("volume"),
		disks: serve.Options{
			CacheBytes: memory, MemoryFor: memoryFor(c), DiskCache: c.String("disk-cache"), DiskCacheBytes: kept,
			Overlay: c.String("overlay"), Index: !c.Bool("no-background-index"), Version: buildVersion(), Logger: log,
		},
		fuse:     fusefs.Options{AllowOther: c.Bool("allow-other"), Owner: owner, Mode: mode, Writable: c.String("overlay") != "", Logger: log},
		cacheDir: c.String("cache-dir"), logFile: c.String("log-file"), metrics: c.String("metrics-listen"), run: c.String("run"),
		background: c.Bool("daemon"), idle: c.Duration("idle-timeout"), refresh: c.Duration("refresh"), log: log,
	}
	switch {
	case o.refresh <= 0:
		return o, cmdline.Usagef("--refresh must be more than 0")
	case o.idle < 0:
		return o, cmdline.Usagef("--idle-timeout must not be less than 0")
	case o.run != "" && o.background:
		return o, cmdline.Usagef("--run and --daemon exclude each other: --run ends when its command does")
	}
	return o, nil
}

// dirs returns the directories that are made if they do not exist.
func (o *mountOptions) dirs() []string { return given(o.cacheDir, o.disks.DiskCache, o.disks.Overlay) }

// written returns the directories and files that the mount writes and that the mountpoint must not
// overlap.
func (o *mountOptions) written() []string { return append(o.dirs(), given(o.logFile)...) }

// avoid returns the paths that the mount must not overlap, the share among them.
func (o *mountOptions) avoid(share *locate.Share) []string {
	return append(o.written(), given(share.Dir)...)
}

// given returns the paths that are not "".
func given(paths ...string) (out []string) {
	for _, path := range paths {
		if path != "" {
			out = append(out, path)
		}
	}
	return out
}

// makeAbsolute makes the paths absolute, because a server in the background changes its directory.
func (o *mountOptions) makeAbsolute() (err error) {
	paths := []*string{&o.cacheDir, &o.disks.DiskCache, &o.disks.Overlay, &o.logFile}
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
func openDisks(c *cli.Context, o *mountOptions, catalog *backupstore.Catalog, share *locate.Share) (*serve.Disks, error) {
	if len(catalog.Backups()) == 0 {
		// Backups may appear later: a mount that follows the share may be there before them.
		o.log.Warn(errNone(catalog).Error()+" It is looked at again and again, and backups appear as soon as they are there",
			"every", o.refresh)
	}
	var err error
	group := c.String("trust-group")
	if o.disks.Only, err = chosen(catalog, o.backups, o.volumes); err != nil {
		return nil, err
	}
	if dir := o.disks.DiskCache; dir != "" {
		if err := places.MakeOwn(c.Context, share, group, "disk-cache", dir); err != nil {
			return nil, err
		}
	}
	if dir := o.disks.Overlay; dir != "" {
		if err := places.MakeOwn(c.Context, share, group, "overlay", dir); err != nil {
			return nil, err
		}
		if o.disks.Overlay, err = filepath.Abs(dir); err != nil {
			return nil, err
		}
	}
	o.disks.Share = places.InFull(share)
	disks, err := serve.New(c.Context, catalog, o.disks)
	if err == nil {
		spareThread()
	}
	return disks, err
}

// spareThread adds a thread that answers the kernel. It is for commands with as many busy decoders
// and workers of read-ahead as processors: without it the kernel waits until one of these is
// interrupted, and a dd on two processors takes a tenth longer.
func spareThread() { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) }
