package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/fusefs/inside/luks"
	"github.com/restorefs/restorefs/fusefs/overlay"
	"github.com/restorefs/restorefs/materialize"
)

// Range is a range of bytes of a volume.
type Range = backupstore.Range

// Salvage is what becomes of ranges of a backup that are damaged and cannot be healed.
type Salvage string

// The values of Salvage.
const (
	NoSalvage   Salvage = ""     // damage ends the restore
	SalvageZero Salvage = "zero" // zeros
	SalvageKeep Salvage = "keep" // what the target holds there
)

// Options say how a backup is restored. The zero value copies all of it onto an empty target.
type Options struct {
	// Copy is how the data is copied; its field Whole is ignored.
	Copy    materialize.Options
	Salvage Salvage
	// Unlock unlocks the backup's volume, whose plain disk is restored then; its error is
	// luks.ErrNone (errors.Is) if it is not encrypted. nil: the volume is restored as it is.
	// Salvage must not be set with it.
	Unlock func(context.Context, *backupstore.Backup, io.ReaderAt, int64) (luks.Disk, error)
	// Overlay is a directory of overlays: what was written onto the backup through a mount is
	// restored with it. "" restores the backup alone.
	Overlay string
	// PlanOnly is for plans: nothing can be copied. Open then also accepts a backup that cannot be
	// restored without Salvage but can be planned (see Restore.Broken).
	PlanOnly bool

	// StateDir is a directory for the marker that a device is half written, with which an
	// interrupted run can be continued; "" for none.
	StateDir string
	// Record is the file for the volume's name, metadata and more. "" means TARGET.metadata.json if
	// the target is a file, else no file.
	Record   string
	NoRecord bool // no such file is written
	// Foreign says that the target's directory belongs to another program, such as Cinder: no file
	// is left beside the target.
	Foreign bool
	// Keeper writes these files. With its Force the target is also overwritten if it holds
	// something; a target that is in use or too small is always refused.
	Keeper Keeper

	// Confirm is called after every check has passed and before anything is written. Its error ends
	// the restore. nil: no question.
	Confirm func(ctx context.Context, t *materialize.Target) error
	// Watch is called when copying begins, with a function that returns the progress. stop is
	// called when copying ends. nil: progress is not watched.
	Watch func(now func() Progress) (stop func())

	// MemoryFor is for messages: about how much memory the program needs if part of it is
	// Copy.MemoryBytes; see cache.Options. nil: not known.
	MemoryFor func(part int64) int64
	// Avoid lists directories in which the mount for a qcow2 must not lie.
	Avoid []string
}

// Restore is an open backup, ready to be copied once. It belongs to one goroutine.
type Restore struct {
	Backup *backupstore.Backup

	o        Options
	composed *backupstore.Volume
	salvage  *backupstore.Salvage
	volume   materialize.Source // composed or salvage, with the overlay over it if there is one
	overlay  *overlay.Overlay   // or nil
	plain    *decrypted         // volume, if it is decrypted; else nil
	broken   error
	target   *materialize.Target // once it is copied onto; else nil
}

// ErrNothingWritten is the error of Open if Options.Overlay has no overlay of the backup.
var ErrNothingWritten = errors.New("nothing was written")

// Open opens a backup of the catalogue for a restore; the catalogue must stay open. Nothing is
// written. The error is a *BrokenError for a backup that cannot be restored, and wraps
// ErrNothingWritten.
func Open(ctx context.Context, catalog *backupstore.Catalog, b *backupstore.Backup,
	o Options) (*Restore, error) {
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
	var keep func([]byte, int64) error
	if o.Salvage == SalvageKeep {
		keep = r.targetHolds
	}
	r.volume, r.salvage = r.composed, backupstore.NewSalvage(r.composed, keep)
	if o.Salvage != NoSalvage {
		r.volume = r.salvage
	}
	if o.Overlay != "" {
		if err := r.overlaid(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.decrypt(ctx); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// overlaid has what was written onto the backup restored with it.
func (r *Restore) overlaid(ctx context.Context) (err error) {
	b, o := r.Backup, r.o
	key := overlay.Key{Backup: b.ID, Size: r.composed.Size(), Content: r.composed.Identity()}
	if r.overlay, err = overlay.OpenReadOnly(ctx, o.Overlay, key, r.volume,
		overlay.Options{Logger: o.Copy.Logger}); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w onto backup %s in %s: %w", ErrNothingWritten, b.ID, o.Overlay, err)
		}
		return err
	}
	r.volume = r.overlay.Over(r.volume)
	return nil
}

// Close closes the overlay. The catalogue stays open.
func (r *Restore) Close() error {
	if r.overlay == nil {
		return nil
	}
	return r.overlay.Close()
}

// Volume returns what is restored: the backup's volume, with its overlay if there is one.
func (r *Restore) Volume() materialize.Source { return r.volume }

// Broken returns why the backup cannot be restored, nil if it can; see Options.PlanOnly.
func (r *Restore) Broken() error { return r.broken }

// ready refuses to copy a backup that was opened for plans only.
func (r *Restore) ready() error {
	if r.broken == nil && r.o.PlanOnly {
		return errors.New("it is opened for plans only")
	}
	return r.broken
}

// Progress is how far a restore has got.
type Progress struct {
	Stage       string
	Done, Total int64 // bytes of the volume, in this stage
	Written     int64
	Zeroed      int64
	Skipped     int64 // found right on the target
	Healed      int64 // damaged and read from siblings so far
}

func (r *Restore) progress() Progress {
	s := r.o.Copy.Progress.Counts()
	p := Progress{Stage: s.Stage.String(), Done: s.Done, Total: s.Total, Written: s.Written,
		Zeroed: s.Zeroed, Skipped: s.Skipped}
	for _, h := range r.composed.Healed() {
		p.Healed += h.Len
	}
	return p
}

// watch calls Options.Watch, if it is set.
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

// BrokenError says that a backup cannot be restored. It wraps backupstore.ErrDamaged.
type BrokenError struct{ Backup *backupstore.Backup }

// Error implements error.
func (e *BrokenError) Error() string {
	return fmt.Sprintf("backup %s is %s: %s: %v", e.Backup.ID, e.Backup.State,
		strings.Join(e.Backup.Problems, "; "), backupstore.ErrDamaged)
}

// Unwrap returns backupstore.ErrDamaged.
func (e *BrokenError) Unwrap() error { return backupstore.ErrDamaged }

// Salvageable reports whether Salvage would restore what can be read.
func (e *BrokenError) Salvageable() bool { return e.Backup.Chain() != nil }

// targetHolds fills p with what the target holds at off: zeros as long as there is none.
func (r *Restore) targetHolds(p []byte, off int64) error {
	if r.target == nil {
		clear(p)
		return nil
	}
	return r.target.ReadAt(p, off)
}

// decrypt has the plain disk restored, if that is asked for.
func (r *Restore) decrypt(ctx context.Context) error {
	if r.o.Unlock == nil {
		return nil
	}
	disk, err := r.o.Unlock(ctx, r.Backup, sourceReader{ctx, r.volume}, r.volume.Size())
	if errors.Is(err, luks.ErrNone) {
		return fmt.Errorf("backup %s: %w: leave --decrypt out", r.Backup.ID, err)
	}
	if err != nil {
		return err
	}
	r.plain = &decrypted{r.volume, disk, disk.Header().Linear()}
	r.volume = r.plain
	return nil
}

// healed returns what was healed, where it lies on the disk that is written.
func (r *Restore) healed() []Range {
	if r.plain == nil {
		return r.composed.Healed()
	}
	return r.plain.above(r.composed.Healed())
}

// Encryption says how the volume is encrypted whose plain disk is restored; nil if it is restored
// as it is.
func (r *Restore) Encryption() *luks.Header {
	if r.plain == nil {
		return nil
	}
	return r.plain.disk.Header()
}
