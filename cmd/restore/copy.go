package restore

import (
	"context"
	"errors"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/materialize"
)

// Guard watches over a target that is more than a device or file: a volume of a cloud, which others
// may take meanwhile. A nil field is not called.
type Guard struct {
	// Opened is called with the target that was opened and is not in use, before all other checks.
	// It can check the device itself, not only its name, whose meaning may have changed.
	Opened func(t *materialize.Target) error
	// Before is called right before the first write, because Confirm may have taken long.
	Before func(ctx context.Context) error
	// After is called when all data is written. An error means that the target may no longer hold
	// the backup.
	After func(ctx context.Context) error
}

// Result is what a restore did. After a failure it shows how far the restore got.
type Result struct {
	materialize.Result
	Target string   // its name, and the path that this resolves to
	Path   string   // without symbolic links
	Notes  []string // remarks about the target, such as what could not be looked at

	Begun    bool   // something may have been written
	Restored bool   // all data is on the target, on stable storage
	Marker   string // file that marks the target as half written, "" if there is none

	// Healed lists damaged ranges that were read from other backups of the volume instead, Lost
	// those that could not be read at all (Options.Salvage). Both are in order, and lie on the disk
	// that is written: with Options.Unlock the plain one, all of it where that is within an image.
	Healed, Lost []Range
	// Map is the file with a ddrescue map of Lost. "" means that nothing is lost, or that writing
	// it failed with MapErr.
	Map    string
	MapErr error
	// Record is the file with the volume's metadata. "" means that none was wanted, or that writing
	// it failed with RecordErr. The data is right in either case.
	Record    string
	RecordErr error
}

// CopyError is the failure of a copy after it began. Running the same restore again continues it.
type CopyError struct {
	Err    error
	Marked bool // the target is marked as half written; else continuing needs Delta and Force
	// Unproven ranges were written but not proven: the object that they come from is damaged, or
	// was not read to its end.
	Unproven []Range
}

// Error implements error.
func (e *CopyError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *CopyError) Unwrap() error { return e.Err }

// To copies the backup onto a block device or into a file, which need not exist.
//
// If nothing was written, a refusal is a *materialize.RefusedError or an *OccupiedError, which
// wraps one. If something may have been written, the error of the copy is a *CopyError.
func (r *Restore) To(ctx context.Context, name string, guard Guard) (Result, error) {
	if err := r.ready(); err != nil {
		return Result{}, err
	}
	target, err := materialize.Open(ctx, name, r.openOptions())
	if err != nil {
		return Result{}, r.occupied(name, err)
	}
	defer target.Close()
	out := Result{Target: target.String(), Path: target.Path(), Notes: target.Notes(),
		Marker: target.Marker()}
	if guard.Opened != nil {
		if err := guard.Opened(target); err != nil {
			return out, err
		}
	}
	if err := r.mayKeepFiles(target); err != nil {
		return out, err
	}
	if err := r.confirm(ctx, target); err != nil {
		return out, err
	}
	if guard.Before != nil {
		if err := guard.Before(ctx); err != nil {
			return out, err
		}
	}
	out.Begun = true
	if out.Result, err = r.copy(ctx, target); err != nil {
		return out, err
	}
	if guard.After != nil {
		if err := guard.After(ctx); err != nil {
			return out, err
		}
	}
	out.Restored = true
	out.Healed, out.Lost = r.healed(), r.salvage.Lost()
	out.Record, out.RecordErr = r.writeRecord(ctx, target)
	out.Map, out.MapErr = r.writeMap(target, out.Lost)
	return out, nil
}

// copy copies onto an open target.
func (r *Restore) copy(ctx context.Context,
	target *materialize.Target) (materialize.Result, error) {
	r.target = target
	o := r.o.Copy
	o.Whole = func() {
		_, _ = r.writeRecord(ctx, target) // To writes it again at the end, and reports an error
	}
	volume, once := r.volume, r.once(target)
	if once != nil {
		volume = once
	}
	stop := r.watch(r.progress)
	result, err := materialize.Run(ctx, volume, target, o)
	stop()
	if err == nil {
		return result, nil
	}
	failed := &CopyError{Err: err, Marked: target.Marker() != ""}
	if once != nil {
		failed.Unproven = once.Unproven()
	}
	return result, failed
}

// once returns the backup as a Copying, which decodes each object once. It returns nil if the
// backup has to be read in another way: it has digests, or it is compared with what the target
// holds, or bytes may come from elsewhere.
func (r *Restore) once(target *materialize.Target) *backupstore.Copying {
	if r.o.Copy.Delta || target.Continues() || r.o.Salvage != NoSalvage || r.overlay != nil ||
		r.plain != nil {
		return nil
	}
	return r.composed.Copying()
}

func (r *Restore) openOptions() materialize.OpenOptions {
	return materialize.OpenOptions{Size: r.volume.Size(), Force: r.o.Keeper.Force,
		Backup: r.Backup.ID, StateDir: r.o.StateDir}
}

// OccupiedError is the refusal of a target that holds something. It may hold this very backup, if
// an earlier run of the same restore succeeded and its result was not seen. Only the bytes can show
// that (materialize.Compare).
type OccupiedError struct {
	Err *materialize.RefusedError
	// Record is the file that was left by a restore of the backup that ended there, "" if there is
	// none.
	Record string
}

// Error implements error.
func (e *OccupiedError) Error() string { return e.Err.Error() }

// Unwrap returns the refusal.
func (e *OccupiedError) Unwrap() error { return e.Err }

// occupied makes an OccupiedError of a refusal whose only reason is what the target holds, and
// returns every other error unchanged.
func (r *Restore) occupied(name string, err error) error {
	refused := refusal(err)
	if refused == nil {
		return err
	}
	for _, reason := range refused.Reasons {
		if reason.Kind != materialize.ReasonContent {
			return err
		}
	}
	e := &OccupiedError{Err: refused}
	if path := Resolve(name) + recordSuffix; recordOf(path) == r.Backup.ID {
		e.Record = path
	}
	return e
}

// refusal returns err as a refusal of a target, or nil.
func refusal(err error) *materialize.RefusedError {
	refused, _ := errors.AsType[*materialize.RefusedError](err)
	return refused
}
