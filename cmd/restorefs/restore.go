package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/fusefs/overlay"
	"github.com/restorefs/restorefs/materialize"
	"github.com/restorefs/restorefs/materialize/device"
)

// restore is one run of materialize: a backup that is checked, open, and ready
// to be copied. It belongs to one goroutine.
type restore struct {
	o        restoreOptions
	catalog  *backupstore.Catalog
	backup   *backupstore.Backup
	options  materialize.Options
	composed *backupstore.Volume
	broken   error // why it cannot be restored without --salvage; of a dry run only
	rescue   *backupstore.Salvage
	volume   materialize.Volume // composed, or rescue where --salvage is given; below what was written
	overlay  *overlay.Overlay   // what was written, nil without --overlay
	cloud    *cloudVolume       // that the target is, nil for none; closed with the restore

	found     *device.Device // the target, where it is a volume's
	saysHow   bool           // the caller says how to continue a run that ends early
	byHand    bool           // the operator says that it is the volume's, and nothing is reserved
	confirmed bool           // the operator has said yes already
	begun     bool           // something may have been written
	restored  bool           // all data is on the target, on stable storage
	note      string         // where it is noted that the target is half written, "" for nowhere
}

// restoreOptions are what the flags of materialize ask for.
type restoreOptions struct {
	console
	keeper
	share       *locate.Share
	given       givenFlags // to repeat them
	backup      string     // as it was named
	target      string     // "" where it is found
	memory      int64      // bytes, for each of the two great holders
	dryRun      bool
	salvage     string // "", "zero" or "keep"
	overlay     string // its directory, "" for none
	metadataOut string // a file, "-" for stdout, "" for what is usual
	stateDir    string // where it is noted that a device is half written, "" for nowhere
}

// newRestore finds the backup that the first argument names and opens it, by the
// flags of materialize. Nothing is written. The caller closes it.
func newRestore(c *cli.Context) (*restore, error) {
	r := &restore{}
	if err := r.flags(c); err != nil {
		return nil, err
	}
	var err error
	if r.catalog, r.o.share, err = openCatalogOn(c, shareOptions(c), backupstore.Options{DecoderBytes: r.o.memory, NoIndexBuild: true}); err != nil {
		return nil, err
	}
	r.o.keeper, r.o.given = keeperOf(c, r.o.share), givenFlagsOf(c, r.o.share)
	if err := errors.Join(r.o.checkMetadataOut(), r.open(c.Context)); err != nil {
		r.close()
		return nil, err
	}
	if r.o.target != "-" && c.String("format") == "raw" {
		r.o.stateDir = stateDir(c, r.o.share)
	}
	return r, nil
}

// flags fills in what is asked for. Whether flags go together is checked before
// anything is opened.
func (r *restore) flags(c *cli.Context) error {
	if err := cmp.Or(checkProgressFlag(c), checkReflinkFlag(c)); err != nil {
		return err
	}
	memory, err := memoryShare(c)
	if err != nil {
		return err
	}
	if c.Bool("nice-io") {
		if err := giveWay(); err != nil {
			return err
		}
	}
	r.o = restoreOptions{
		console: consoleOf(c), backup: c.Args().Get(0), target: c.Args().Get(1), memory: memory,
		dryRun: c.Bool("dry-run"), salvage: salvaging(c), overlay: c.String("overlay"), metadataOut: c.String("metadata-out"),
	}
	r.options = materialize.Options{
		Jobs: c.Int("jobs"), MemoryBytes: memory, Delta: c.Bool("delta"), VerifyAfter: c.Bool("verify-after"), Reflink: c.Bool("reflink"),
		Progress: &materialize.Progress{}, Logger: newLogger(c),
	}
	if limit := c.String("bwlimit"); limit != "" {
		if r.options.BytesPerSecond, err = parseRate(limit); err != nil {
			return err
		}
	}
	if r.o.overlay != "" {
		return overlayDir(c, r.o.overlay)
	}
	return nil
}

func (r *restore) open(ctx context.Context) (err error) {
	if r.backup, err = r.catalog.Find(r.o.backup); err != nil {
		return err
	}
	if b := r.backup; b.State != backupstore.Complete && (r.o.salvage == "" || b.Chain() == nil) {
		hint := ""
		if b.Chain() != nil {
			hint = "; --salvage restores what can be had"
		}
		r.broken = fmt.Errorf("backup %s is %s: %s%s: %w", b.ID, b.State, strings.Join(b.Problems, "; "), hint, backupstore.ErrDamaged)
		if !r.o.dryRun {
			return r.broken
		}
		if b.Chain() == nil {
			return errors.Join(r.lacking(), r.broken)
		}
	}
	open := r.catalog.Open
	if r.o.dryRun {
		open = r.catalog.Outline
	}
	if r.composed, err = open(ctx, r.backup); err != nil {
		return err
	}
	r.volume, r.rescue = r.composed, &backupstore.Salvage{Volume: r.composed}
	if r.o.salvage != "" {
		r.volume = r.rescue
	}
	return r.withOverlay(ctx)
}

func (r *restore) close() {
	if r.overlay != nil {
		r.overlay.Close()
	}
	r.cloud.close()
	r.catalog.Close()
}

// state is how far the run is.
func (r *restore) state() func() progressState { return copyState(r.options.Progress, r.composed) }

func (r *restore) openOptions() materialize.OpenOptions {
	return materialize.OpenOptions{Size: r.volume.Size(), Force: r.o.force, Backup: r.backup.ID, StateDir: r.o.stateDir}
}

// isFound refuses a target that is not any more what was found to be the volume.
func (r *restore) isFound(t *materialize.Target) error {
	if r.found == nil || t.Size() == r.found.Size && (t.Kind() == materialize.KindFile) == r.found.File {
		return nil
	}
	return &materialize.RefusedError{Target: t.String(), Reasons: []materialize.Reason{{Kind: materialize.ReasonNotATarget,
		Text: "it became another one since it was found to be the volume"}}}
}

// onto copies the backup onto a device or into a file, asking first where that is
// needed, reports it, and restores the metadata of the cloud's volume.
func (r *restore) onto(ctx context.Context, name string) error {
	if r.broken != nil {
		return r.broken
	}
	if err := r.sureOf(ctx, name, false); err != nil {
		return err
	}
	target, err := materialize.Open(ctx, name, r.openOptions())
	if err != nil {
		return r.maybeFinished(name, err)
	}
	defer target.Close()
	if err := r.isFound(target); err != nil {
		return err
	}
	if r.cloud == nil {
		if err := r.mayKeepRecord(target); err != nil {
			return err
		}
	}
	if r.o.salvage != "" {
		if err := r.o.may(r.mapPath(target)); err != nil {
			return err
		}
	}
	if r.cloud != nil { // what is open now, whatever the name was a moment ago
		if err := r.cloud.CheckNames(target.Path()); err != nil {
			return err
		}
	}
	r.note = target.Note()
	if r.cloud != nil {
		fmt.Fprintf(r.o.err, "volume  %s\n", r.cloud.describe())
		if !r.confirmed { // else they were told before that
			notes, err := r.cloud.Notes(ctx, r.backup)
			printNotes(r.o.err, notes, err)
		}
	}
	if err := r.confirm(ctx, target); err != nil {
		return err
	}
	if r.byHand {
		if err := r.cloud.CheckAgain(ctx, r.backup); err != nil {
			return err
		}
	}
	if r.o.salvage == "keep" {
		r.rescue.Keep = kept(target.Path())
	}
	r.begun = true
	r.options.Whole = func() {
		// finish does it again, and tells.
		if r.cloud == nil && r.o.metadataOut != "-" {
			_, _ = r.writeRecord(ctx, target)
		}
	}
	stop := r.o.showProgress(r.state())
	volume := r.volume
	once := r.once(target)
	if once != nil {
		volume = once
	}
	result, err := materialize.Run(ctx, volume, target, r.options)
	stop()
	if err != nil {
		if once != nil {
			unproven(r.o.err, r.backup.ID, once.Unproven())
		}
		return r.howToContinue(target, name, err)
	}
	if r.byHand {
		if err := r.cloud.Undisturbed(ctx); err != nil {
			return inFlags(err)
		}
	}
	r.restored = true
	r.noteReflink(result)
	err = r.finish(ctx, target, result, r.composed.Healed())
	return errors.Join(r.salvaged(target, r.rescue.Bad()), inDoubt(r.backup), err)
}

// once returns the backup to be copied with each object decoded once, nil where it
// has to be read otherwise: it has digests, or is compared with what the target
// holds, or bytes may come from elsewhere.
func (r *restore) once(target *materialize.Target) *backupstore.Copying {
	if r.options.Delta || target.Continues() || r.o.salvage != "" || r.overlay != nil {
		return nil
	}
	return r.composed.Copying()
}

// unprovenLines are shown at most.
const unprovenLines = 20

// unproven tells of what a run that failed has written and nothing proves.
func unproven(w io.Writer, id string, ranges []backupstore.Range) {
	for _, p := range ranges[:min(len(ranges), unprovenLines)] {
		fmt.Fprintf(w, "not proven: bytes %d to %d were written; the object that they come from is damaged, or was not read to its end\n", p.Off, p.Off+p.Len)
	}
	if n := len(ranges) - unprovenLines; n > 0 {
		fmt.Fprintf(w, "not proven: %d more ranges\n", n)
	}
	if len(ranges) > 0 {
		fmt.Fprintf(w, "do not use the target as it is: \"restorefs verify %s\" says which objects are damaged, and --salvage restores all that is right\n", id)
	}
}
