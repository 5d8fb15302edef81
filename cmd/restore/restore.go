package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/fusefs/overlay"
	"github.com/restorefs/restorefs/materialize"
)

// Range is a range of bytes of a volume.
type Range = backupstore.Range

// Salvage says what stands where a backup is damaged and nothing heals it.
type Salvage string

// What a damaged range can become.
const (
	NoSalvage   Salvage = ""     // damage ends the restore
	SalvageZero Salvage = "zero" // zeros
	SalvageKeep Salvage = "keep" // what the target holds there
)

// Options say how a backup is restored. The zero value copies all of it onto a
// target that holds nothing.
type Options struct {
	// Copy is how the data is copied; its Whole is not looked at.
	Copy    materialize.Options
	Salvage Salvage
	// Overlay is a directory of overlays: what was written onto the backup in a
	// mount is restored with it. "": nothing of the kind.
	Overlay string
	// PlanOnly is for plans: Open succeeds also for a backup that cannot be restored
	// without Salvage but can be planned (see Restore.Broken), and nothing is copied.
	PlanOnly bool

	// StateDir is where it is noted that a device is half written, so that an
	// interrupted run can be continued; "" for nowhere.
	StateDir string
	// Record is the file that gets the volume's name, metadata and more. "": that is
	// TARGET.metadata.json, if the target is a file.
	Record   string
	NoRecord bool // there is no such file
	// Foreign says that the target's directory is somebody else's, such as Cinder's:
	// no file is left beside the target.
	Foreign bool
	// Keeper leaves those files. Its Force also overwrites what the target holds; a
	// target that is in use or too small is refused always.
	Keeper Keeper

	// Confirm is called when every check has passed and nothing is written yet. Its
	// error ends the restore. nil: nobody is asked.
	Confirm func(ctx context.Context, t *materialize.Target) error
	// Watch is called when the copying begins, with a function that says how far it
	// is, and what it returns when it ends. nil: nobody watches.
	Watch func(now func() Progress) (stop func())

	// MemoryFor is about how much memory a program needs of which Copy.MemoryBytes is
	// this part, for messages; see cache.Options. nil: not known.
	MemoryFor func(part int64) int64
	// Avoid are directories that the mount for a qcow2 must not lie in.
	Avoid []string
}

// Restore is a backup that is open and ready to be copied. It belongs to one
// goroutine, and is used for one copy.
type Restore struct {
	Backup *backupstore.Backup

	o        Options
	composed *backupstore.Volume
	salvage  *backupstore.Salvage
	volume   materialize.Volume // composed, or salvage; below what was written onto it
	overlay  *overlay.Overlay   // what was written, or nil
	broken   error
}

// Open makes a backup of the catalogue, which must stay open, ready to be restored.
// Nothing is written. The error is a *BrokenError for a backup that cannot be
// restored, and wraps fs.ErrNotExist where Options.Overlay has nothing of it.
func Open(ctx context.Context, catalog *backupstore.Catalog, b *backupstore.Backup, o Options) (*Restore, error) {
	r := &Restore{Backup: b, o: o}
	if r.o.Copy.Progress == nil {
		r.o.Copy.Progress = &materialize.Progress{}
	}
	if b.State != backupstore.Complete && (o.Salvage == NoSalvage || b.Chain() == nil) {
		r.broken = &BrokenError{Backup: b}
		if !o.PlanOnly || b.Chain() == nil {
			return nil, r.broken
		}
	}
	open := catalog.Open
	if o.PlanOnly {
		open = catalog.Outline
	}
	var err error
	if r.composed, err = open(ctx, b); err != nil {
		return nil, err
	}
	r.volume, r.salvage = r.composed, &backupstore.Salvage{Volume: r.composed}
	if o.Salvage != NoSalvage {
		r.volume = r.salvage
	}
	if o.Overlay == "" {
		return r, nil
	}
	key := overlay.Key{Backup: b.ID, Size: r.composed.Size(), Content: r.composed.Identity()}
	if r.overlay, err = overlay.OpenReadOnly(ctx, o.Overlay, key, r.volume, overlay.Options{Logger: o.Copy.Logger}); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("nothing was written onto backup %s in %s: %w", b.ID, o.Overlay, err)
		}
		return nil, err
	}
	r.volume = r.overlay.Over(r.volume)
	return r, nil
}

// Close lets go of what was written onto the backup. The catalogue stays open.
func (r *Restore) Close() error {
	if r.overlay == nil {
		return nil
	}
	return r.overlay.Close()
}

// Volume is what is restored: the backup's volume, with what was written onto it.
func (r *Restore) Volume() materialize.Volume { return r.volume }

// Broken is why the backup cannot be restored, nil if it can; see Options.PlanOnly.
func (r *Restore) Broken() error { return r.broken }

// ready refuses to copy what is only to be planned.
func (r *Restore) ready() error {
	if r.broken == nil && r.o.PlanOnly {
		return errors.New("it is opened for plans only")
	}
	return r.broken
}

// Progress is how far a restore is.
type Progress struct {
	Stage       string
	Done, Total int64 // bytes of the volume, in this stage
	Written     int64
	Zeroed      int64
	Skipped     int64 // found right on the target
	Healed      int64 // read so far, damaged, and taken from siblings
}

func (r *Restore) progress() Progress {
	s := r.o.Copy.Progress.Counts()
	p := Progress{Stage: s.Stage.String(), Done: s.Done, Total: s.Total, Written: s.Written, Zeroed: s.Zeroed, Skipped: s.Skipped}
	for _, h := range r.composed.Healed() {
		p.Healed += h.Len
	}
	return p
}

// watch has the caller watch a run.
func (r *Restore) watch(now func() Progress) (stop func()) {
	if r.o.Watch == nil {
		return func() {}
	}
	return r.o.Watch(now)
}

func (r *Restore) confirm(ctx context.Context, t *materialize.Target) error {
	if r.o.Confirm == nil {
		return nil
	}
	return r.o.Confirm(ctx, t)
}

// BrokenError says that a backup cannot be restored. It is backupstore.ErrDamaged.
type BrokenError struct{ Backup *backupstore.Backup }

// Error implements error.
func (e *BrokenError) Error() string {
	return fmt.Sprintf("backup %s is %s: %s: %v", e.Backup.ID, e.Backup.State, strings.Join(e.Backup.Problems, "; "), backupstore.ErrDamaged)
}

// Unwrap makes the error backupstore.ErrDamaged.
func (e *BrokenError) Unwrap() error { return backupstore.ErrDamaged }

// Salvageable reports whether Salvage would restore what can be had.
func (e *BrokenError) Salvageable() bool { return e.Backup.Chain() != nil }
