package main

import (
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
	c        *cli.Context
	share    *locate.Share
	catalog  *backupstore.Catalog
	backup   *backupstore.Backup
	memory   int64 // bytes, for each of the two great holders
	options  materialize.Options
	composed *backupstore.Volume
	broken   error  // why it cannot be restored without --salvage; of a dry run only
	salvage  string // "", "zero" or "keep"
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

// newRestore finds the backup that the first argument names and opens it, by the
// flags of materialize. Nothing is written. The caller closes it.
func newRestore(c *cli.Context) (*restore, error) {
	if err := checkProgressFlag(c); err != nil {
		return nil, err
	}
	if err := checkReflinkFlag(c); err != nil {
		return nil, err
	}
	memory, err := memoryShare(c)
	if err != nil {
		return nil, err
	}
	if c.Bool("nice-io") {
		if err := giveWay(); err != nil {
			return nil, err
		}
	}
	r := &restore{c: c, memory: memory, salvage: salvaging(c), options: materialize.Options{
		Jobs: c.Int("jobs"), MemoryBytes: memory, Delta: c.Bool("delta"), VerifyAfter: c.Bool("verify-after"), Reflink: c.Bool("reflink"),
		Progress: &materialize.Progress{}, Logger: newLogger(c),
	}}
	if limit := c.String("bwlimit"); limit != "" {
		if r.options.BytesPerSecond, err = parseRate(limit); err != nil {
			return nil, err
		}
	}
	if r.catalog, r.share, err = openCatalogOn(c, shareOptions(c), backupstore.Options{DecoderBytes: memory, NoIndexBuild: true}); err != nil {
		return nil, err
	}
	if err := errors.Join(checkMetadataOut(c, r.share), r.open()); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *restore) open() (err error) {
	if r.backup, err = oneBackup(r.c, r.catalog); err != nil {
		return err
	}
	if b := r.backup; b.State != backupstore.Complete && (r.salvage == "" || b.Chain() == nil) {
		hint := ""
		if b.Chain() != nil {
			hint = "; --salvage restores what can be had"
		}
		r.broken = fmt.Errorf("backup %s is %s: %s%s: %w", b.ID, b.State, strings.Join(b.Problems, "; "), hint, backupstore.ErrDamaged)
		if !r.c.Bool("dry-run") {
			return r.broken
		}
		if b.Chain() == nil {
			return errors.Join(lacking(r.c, b), r.broken)
		}
	}
	if r.composed, err = r.catalog.Open(r.c.Context, r.backup); err != nil {
		return err
	}
	r.volume, r.rescue = r.composed, &backupstore.Salvage{Volume: r.composed}
	if r.salvage != "" {
		r.volume = r.rescue
	}
	return r.withOverlay()
}

func (r *restore) close() {
	if r.overlay != nil {
		r.overlay.Close()
	}
	r.cloud.close()
	r.catalog.Close()
}

func (r *restore) openOptions() materialize.OpenOptions {
	return materialize.OpenOptions{Size: r.volume.Size(), Force: r.c.Bool("force"), Backup: r.backup.ID, StateDir: stateDir(r.c, r.share)}
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
func (r *restore) onto(name string) error {
	if r.broken != nil {
		return r.broken
	}
	c := r.c
	if err := r.sureOf(name, false); err != nil {
		return err
	}
	target, err := materialize.Open(c.Context, name, r.openOptions())
	if err != nil {
		return r.maybeFinished(name, err)
	}
	defer target.Close()
	if err := r.isFound(target); err != nil {
		return err
	}
	if r.cloud == nil {
		if err := mayKeepRecord(c, r.share, target); err != nil {
			return err
		}
	}
	if r.salvage != "" {
		if err := mayKeep(c, r.share, mapPath(c.Context, r.share, r.backup, target, r.cloud != nil)); err != nil {
			return err
		}
	}
	if r.cloud != nil { // what is open now, whatever the name was a moment ago
		if err := r.cloud.isAt(target.Path()); err != nil {
			return err
		}
	}
	r.note = target.Note()
	if r.cloud != nil {
		fmt.Fprintf(c.App.ErrWriter, "volume  %s\n", r.cloud.describe())
		if !r.confirmed { // else they were told before that
			for _, note := range r.cloud.notes(r.backup) {
				fmt.Fprintf(c.App.ErrWriter, "note    %s\n", printable(note))
			}
		}
	}
	if err := confirm(c, r.backup, target, r.confirmed); err != nil {
		return err
	}
	if r.byHand {
		if err := r.lookAgain(); err != nil {
			return err
		}
	}
	if r.salvage == "keep" {
		r.rescue.Keep = kept(target.Path())
	}
	r.begun = true
	r.options.Whole = func() {
		// finish does it again, and tells.
		if r.cloud == nil && c.String("metadata-out") != "-" {
			_, _ = writeRecord(c, r.share, r.backup, target)
		}
	}
	stop := reportProgress(c, copyState(r.options.Progress, r.composed))
	volume := r.volume
	once := r.once(target)
	if once != nil {
		volume = once
	}
	result, err := materialize.Run(c.Context, volume, target, r.options)
	stop()
	if err != nil {
		if once != nil {
			unproven(c.App.ErrWriter, r.backup.ID, once.Unproven())
		}
		return r.howToContinue(target, name, err)
	}
	if r.byHand {
		if err := r.undisturbed(); err != nil {
			return err
		}
	}
	r.restored = true
	noteReflink(c, result)
	bad := r.rescue.Bad()
	err = finish(c, r.share, r.backup, target, result, r.composed.Healed(), bad, r.cloud)
	return errors.Join(salvaged(c, r.share, r.backup, target, bad, r.cloud != nil), inDoubt(r.backup), err)
}

// once returns the backup to be copied with each object decoded once, nil where it
// has to be read otherwise: it has digests, or is compared with what the target
// holds, or bytes may come from elsewhere.
func (r *restore) once(target *materialize.Target) *backupstore.Copying {
	if r.options.Delta || target.Continues() || r.salvage != "" || r.overlay != nil {
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
