package main

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/restore"
	"github.com/restorefs/restorefs/materialize"
)

// restoreOptions are what the flags and arguments of materialize ask for.
type restoreOptions struct {
	console.Console
	engine      restore.Options
	share       *locate.Share
	given       givenFlags // for commands that repeat them
	backup      string     // as it was named
	target      string     // "" if it is to be found
	qcow2       bool
	dryRun      bool
	metadataOut string // a file, "-" for stdout, "" for the default
}

// outside refuses a path on the share.
func (o restoreOptions) outside(path string) error { return o.engine.Keeper.Outside(path) }

// restoreFlags reads the flags of materialize. Flags that do not go together are refused before
// anything is opened; restoreOptions.on adds what needs an open share.
func restoreFlags(c *cli.Context) (o restoreOptions, err error) {
	o = restoreOptions{Console: consoleOf(c), backup: c.Args().Get(0), target: c.Args().Get(1), dryRun: c.Bool("dry-run"), metadataOut: c.String("metadata-out")}
	if o.qcow2, err = wantsQcow2(c, o.target); err != nil {
		return o, err
	}
	if c.String("volume") != "" && (o.qcow2 || o.target == "-") {
		return o, cmdline.Usagef("--volume goes with a TARGET that is the volume: its device or file")
	}
	if err := cmp.Or(checkProgressFlag(c), checkReflinkFlag(c)); err != nil {
		return o, err
	}
	memory, err := memoryShare(c)
	if err != nil {
		return o, err
	}
	if c.Bool("nice-io") {
		if err := process.GiveWay(); err != nil {
			return o, err
		}
	}
	o.engine = restore.Options{
		Salvage: restore.Salvage(salvaging(c)), Overlay: c.String("overlay"), PlanOnly: o.dryRun, Record: o.metadataOut,
		Foreign: c.String("volume") != "" || c.Bool("new-volume"), MemoryFor: memoryFor(c), Avoid: written(c),
		Copy: materialize.Options{
			Jobs: c.Int("jobs"), MemoryBytes: memory, MemoryFor: memoryFor(c), Delta: c.Bool("delta"), VerifyAfter: c.Bool("verify-after"), Reflink: c.Bool("reflink"),
			Logger: newLogger(c),
		},
	}
	if o.metadataOut == "-" {
		o.engine.Record, o.engine.NoRecord = "", true
	}
	if limit := c.String("bwlimit"); limit != "" {
		if o.engine.Copy.BytesPerSecond, err = cmdline.ParseRate(limit); err != nil {
			return o, err
		}
	}
	if o.engine.Overlay != "" {
		err = places.CheckOverlays(c.String("trust-group"), o.engine.Overlay)
	}
	return o, err
}

// on adds what needs an open share.
func (o *restoreOptions) on(c *cli.Context, s *locate.Share) {
	o.share, o.given, o.engine.Keeper = s, givenFlagsOf(c, s), keeperOf(c, s)
	if s.Dir != "" {
		o.engine.Avoid = append(o.engine.Avoid, s.Dir)
	}
	if o.target != "-" && !o.qcow2 {
		o.engine.StateDir = stateDir(c, s)
	}
}

func keeperOf(c *cli.Context, s *locate.Share) restore.Keeper {
	return restore.Keeper{Force: c.Bool("force"), Outside: func(path string) error { return places.Outside(c.Context, s, path) }}
}

// stateDir returns the directory for the note that a device is half written, "" if it cannot be
// used.
func stateDir(c *cli.Context, s *locate.Share) string {
	dir, err := cacheSubDir(c, s, "state", "an interrupted run onto a device will need --delta --force to be continued")
	if err != nil {
		newLogger(c).Warn("an interrupted run onto a device will need --delta --force to be continued", "err", err)
	}
	return dir
}

// checkMetadataOut refuses a FILE that cannot be written, is TARGET, is on the share, or exists and
// was not written by restorefs.
func (o restoreOptions) checkMetadataOut() error {
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
func wantsQcow2(c *cli.Context, target string) (bool, error) {
	switch f := c.String("format"); f {
	case "raw":
		return false, nil
	case "qcow2":
	default:
		return false, cmdline.Usagef("--format %s: it is raw or qcow2", f)
	}
	if target == "-" {
		return false, cmdline.Usagef("a qcow2 cannot be written to stdout, as it is not written from front to back: name a file")
	}
	for _, flag := range notWithQcow2 {
		if c.IsSet(flag) {
			return false, cmdline.Usagef("--%s does not go with --format qcow2", flag)
		}
	}
	if c.String("overlay") != "" {
		return false, cmdline.Usagef("--overlay does not go with --format qcow2: restore into a raw file and convert that")
	}
	return true, nil
}

func niceFlag() cli.Flag {
	return &cli.BoolFlag{Name: "nice-io", Usage: "give way to others: lowest priority for disks and processors", DisableDefaultText: true}
}
