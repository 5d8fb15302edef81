package main

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/restore"
)

// materializeOptions are what the flags and arguments of materialize ask for.
type materializeOptions struct {
	common
	backup, target string // as they were named; target is "" if it is to be found
	format         string
	qcow2          bool // format is qcow2
	dryRun, force  bool
	niceIO         bool
	bwlimit        string
	metadataOut    string // a file, "-" for stdout, "" for the default
	cloud          cloudFlags
	engine         restore.Options
}

// prepare refuses flags that do not go together, before anything is opened, and completes the
// options of the engine but for what needs an open share, which is newRestoring's.
func (o *materializeOptions) prepare() (err error) {
	if o.qcow2, err = o.wantsQcow2(); err != nil {
		return err
	}
	if o.cloud.volume != "" && (o.qcow2 || o.target == "-") {
		return cmdline.Usagef("--volume goes with a TARGET that is the volume: its device or file")
	}
	if err := cmp.Or(o.CheckProgress(), o.checkReflink()); err != nil {
		return err
	}
	to := &o.engine.Copy
	if to.MemoryBytes, err = o.memory.Bound(); err != nil {
		return err
	}
	if o.niceIO {
		if err := process.GiveWay(); err != nil {
			return err
		}
	}
	to.MemoryFor, o.engine.MemoryFor = o.memory.EnoughFor(), o.memory.EnoughFor()
	to.Logger = o.log
	o.engine.PlanOnly = o.dryRun
	o.engine.Foreign = o.cloud.volume != "" || o.cloud.newVolume
	o.engine.Avoid = places.NotEmpty(o.cache.Dir, o.engine.Overlay)
	o.engine.Record = o.metadataOut
	if o.metadataOut == "-" {
		o.engine.Record, o.engine.NoRecord = "", true
	}
	if o.bwlimit != "" {
		if to.BytesPerSecond, err = cmdline.ParseRate(o.bwlimit); err != nil {
			return err
		}
	}
	if o.engine.Overlay != "" {
		return places.CheckOverlays(o.cache.Group, o.engine.Overlay)
	}
	return nil
}

// keeper returns the rules for files beside a target.
func (o materializeOptions) keeper(ctx context.Context, s *locate.Share) restore.Keeper {
	return restore.Keeper{Force: o.force, Outside: func(path string) error { return places.Outside(ctx, s, path) }}
}

// stateDir returns the directory for the note that a device is half written, "" if it cannot be
// used.
func (o materializeOptions) stateDir(ctx context.Context, s *locate.Share) string {
	const without = "an interrupted run onto a device will need --delta --force to be continued"
	dir, err := o.cache.Sub(ctx, s, "state", without)
	if err != nil {
		o.log.Warn(without, "err", err)
	}
	return dir
}

// checkMetadataOut refuses a FILE that cannot be written, is TARGET, is on the share, or exists and
// was not written by restorefs.
func (o materializeOptions) checkMetadataOut() error {
	path, target := o.metadataOut, o.target
	switch {
	case path == "":
		return nil
	case path == "-" && o.JSON:
		return cmdline.Usagef("--metadata-out - and --json both write to stdout: name a file, or leave one out")
	case path == "-" && target == "-":
		return cmdline.Usagef("--metadata-out - and the TARGET - both are stdout: name a file for one of them")
	case path == "-":
		return nil
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return cmdline.Usagef("--metadata-out %s: it is there, and no regular file", path)
	}
	// /dev/stdout is a link, which --force would replace, for all programs.
	if dir := restore.Resolve(filepath.Dir(path)); dir == "/dev" || strings.HasPrefix(dir+"/", "/proc/") {
		return cmdline.Usagef("--metadata-out %s: no file is made or replaced in %s; for standard output write --metadata-out -", path, dir)
	}
	if target != "" && restore.SameFile(path, target) {
		return cmdline.Usagef("--metadata-out %s is TARGET itself, which it would replace: choose another file", path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return cmdline.Usagef("--metadata-out %s: there is no such directory", path)
	}
	return o.engine.Keeper.May(path)
}

func formatFlag() cli.Flag {
	return &cli.StringFlag{Name: "format", Value: "raw", Usage: "`FORMAT` of a file target: raw, or qcow2, which takes qemu-img and FUSE"}
}

// notWithQcow2 lists the flags of materialize that have no meaning for a file that another program
// writes as a whole.
var notWithQcow2 = []string{"delta", "bwlimit", "salvage", "jobs", "reflink"}

// wantsQcow2 reads --format and refuses flags that do not go with it.
func (o materializeOptions) wantsQcow2() (bool, error) {
	switch o.format {
	case "raw":
		return false, nil
	case "qcow2":
	default:
		return false, cmdline.Usagef("--format %s: it is raw or qcow2", o.format)
	}
	if o.target == "-" {
		return false, cmdline.Usagef("a qcow2 cannot be written to stdout, as it is not written from front to back: name a file")
	}
	for _, flag := range notWithQcow2 {
		if o.given.Has(flag) {
			return false, cmdline.Usagef("--%s does not go with --format qcow2", flag)
		}
	}
	if o.engine.Overlay != "" {
		return false, cmdline.Usagef("--overlay does not go with --format qcow2: restore into a raw file and convert that")
	}
	return true, nil
}

func niceFlag() cli.Flag {
	return &cli.BoolFlag{Name: "nice-io", Usage: "give way to others: lowest priority for disks and processors", DisableDefaultText: true}
}
