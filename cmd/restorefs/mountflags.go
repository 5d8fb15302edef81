package main

import (
	"log/slog"
	"path/filepath"
	"runtime"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/serve"
	"github.com/restorefs/restorefs/fusefs"
)

// mountOptions are what the flags of mount say.
type mountOptions struct {
	mountpoint       string
	share            locate.Options
	catalog          backupstore.Options
	backups, volumes []string // of which disks are served; none: all
	disks            serve.Options
	fuse             fusefs.Options
	cacheDir         string
	logFile          string
	metrics          string // address, "": metrics are not served
	run              string // command, "": the mount stays
	background       bool
	idle, refresh    time.Duration // idle 0: it stays unused
	log              *slog.Logger
}

// mountFlags reads the flags of mount, checks those that can be without looking at
// anything, and bounds the memory of the process.
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
	memory -= keptMemory / 2 // decoders (windows and tables) and the cache (decoded spans) both give way
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
		return o, usagef("--refresh must be more than 0")
	case o.idle < 0:
		return o, usagef("--idle-timeout must not be less than 0")
	case o.run != "" && o.background:
		return o, usagef("--run and --daemon exclude each other: --run ends when its command does")
	}
	return o, nil
}

// dirs are the directories that are made if need be.
func (o *mountOptions) dirs() []string { return given(o.cacheDir, o.disks.DiskCache, o.disks.Overlay) }

// written are the directories and files that the mount writes, of which the
// mountpoint must be apart.
func (o *mountOptions) written() []string { return append(o.dirs(), given(o.logFile)...) }

// avoid are the places that the mount must not overlap, the share among them.
func (o *mountOptions) avoid(share *locate.Share) []string {
	return append(o.written(), given(share.Dir)...)
}

// given are those that are not "".
func given(paths ...string) (out []string) {
	for _, path := range paths {
		if path != "" {
			out = append(out, path)
		}
	}
	return out
}

// makeAbsolute makes the paths independent of the directory, which a server in
// the background leaves.
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

// openDisks chooses what is served and makes the directories for it.
func openDisks(c *cli.Context, o *mountOptions, catalog *backupstore.Catalog, share *locate.Share) (*serve.Disks, error) {
	if len(catalog.Backups()) == 0 {
		// It may come yet: a mount that follows the share is to be there before it.
		o.log.Warn(errNone(catalog).Error()+" It is looked at again and again, and backups appear as soon as they are there",
			"every", o.refresh)
	}
	var err error
	if o.disks.Only, err = chosen(catalog, o.backups, o.volumes); err != nil {
		return nil, err
	}
	if dir := o.disks.DiskCache; dir != "" {
		if err := ownDir(c, share, "disk-cache", dir); err != nil {
			return nil, err
		}
	}
	if dir := o.disks.Overlay; dir != "" {
		if err := ownDir(c, share, "overlay", dir); err != nil {
			return nil, err
		}
		if o.disks.Overlay, err = filepath.Abs(dir); err != nil {
			return nil, err
		}
	}
	o.disks.Share = placeInFull(share)
	spareThread()
	return serve.New(c.Context, catalog, o.disks)
}

// spareThread is called when there are as many decoders and workers of read-ahead
// as processors. It adds a thread to answer the kernel, which would wait until one
// of those is interrupted otherwise: a dd on two processors takes a tenth longer.
func spareThread() { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) }
