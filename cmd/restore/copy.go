package restore

import (
	"context"
	"errors"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/materialize"
)

// Guard is asked about a target that is more than a device or file: the volume of a
// cloud, which others may take meanwhile. A field that is nil asks nothing.
type Guard struct {
	// Opened is called with the target that is open and free, before anything else is
	// looked at, whatever its name meant a moment ago.
	Opened func(t *materialize.Target) error
	// Before is called right before the first write: Confirm may have taken long.
	Before func(ctx context.Context) error
	// After is called when all data is written. Its error means that what is on the
	// target now need not be the backup.
	After func(ctx context.Context) error
}

// Result is what a restore did. That of one that failed says how far it got.
type Result struct {
	materialize.Result
	Target string   // its name, with what that resolved to
	Path   string   // without symbolic links
	Notes  []string // remarks about the target, such as what could not be looked at

	Begun    bool   // something may have been written
	Restored bool   // all data is on the target, on stable storage
	Note     string // the file that says that the target is half written, "" for none

	// Healed was damaged, and taken from other backups of the volume. Lost could not be
	// had (Options.Salvage). Both are in order.
	Healed, Lost []Range
	// Map is the file with a ddrescue map of Lost, "" if nothing is lost or MapErr says
	// why there is none.
	Map    string
	MapErr error
	// Record is the file with the volume's metadata, "" if there is to be none or
	// RecordErr says why there is none. The data is as good without.
	Record    string
	RecordErr error
}

// CopyError says why a copy that had begun did not end well. The same restore,
// again, continues it.
type CopyError struct {
	Err   error
	Noted bool // there is a note that it is half done: without one, Delta and Force are needed
	// Unproven were written, and nothing proves them: the object that they come from is
	// damaged, or was not read to its end.
	Unproven []Range
}

// Error implements error.
func (e *CopyError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *CopyError) Unwrap() error { return e.Err }

// To copies the backup onto a block device or into a file, which need not exist.
//
// The error is a *materialize.RefusedError, an *OccupiedError among them, where
// nothing was written, and a *CopyError where something may have been.
func (r *Restore) To(ctx context.Context, name string, guard Guard) (Result, error) {
	if err := r.ready(); err != nil {
		return Result{}, err
	}
	target, err := materialize.Open(ctx, name, r.openOptions())
	if err != nil {
		return Result{}, r.occupied(name, err)
	}
	defer target.Close()
	out := Result{Target: target.String(), Path: target.Path(), Notes: target.Notes(), Note: target.Note()}
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
	out.Healed, out.Lost = r.composed.Healed(), r.salvage.Bad()
	out.Record, out.RecordErr = r.writeRecord(ctx, target)
	out.Map, out.MapErr = r.writeMap(target, out.Lost)
	return out, nil
}

// copy copies onto an open target.
func (r *Restore) copy(ctx context.Context, target *materialize.Target) (materialize.Result, error) {
	if r.o.Salvage == SalvageKeep {
		r.salvage.Keep = target.ReadAt
	}
	o := r.o.Copy
	o.Whole = func() {
		_, _ = r.writeRecord(ctx, target) // again in the end, where an error is told
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
	failed := &CopyError{Err: err, Noted: target.Note() != ""}
	if once != nil {
		failed.Unproven = once.Unproven()
	}
	return result, failed
}

// once is the backup to be copied with each object decoded once, nil where it has to
// be read otherwise: it has digests, or is compared with what the target holds, or
// bytes may come from elsewhere.
func (r *Restore) once(target *materialize.Target) *backupstore.Copying {
	if r.o.Copy.Delta || target.Continues() || r.o.Salvage != NoSalvage || r.overlay != nil {
		return nil
	}
	return r.composed.Copying()
}

func (r *Restore) openOptions() materialize.OpenOptions {
	return materialize.OpenOptions{Size: r.volume.Size(), Force: r.o.Keeper.Force, Backup: r.Backup.ID, StateDir: r.o.StateDir}
}

// OccupiedError is the refusal of a target that holds something. That may be this
// backup: the same restore may have ended well before, with nobody there to read it.
// Only the bytes prove it (materialize.Compare).
type OccupiedError struct {
	Err *materialize.RefusedError
	// Record is the file that says that a restore of the backup ended there, "" for
	// none.
	Record string
}

// Error implements error.
func (e *OccupiedError) Error() string { return e.Err.Error() }

// Unwrap returns the refusal.
func (e *OccupiedError) Unwrap() error { return e.Err }

// occupied makes an OccupiedError of a refusal for nothing but what the target holds.
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

// refusal is the refusal of a target that err is, or nil.
func refusal(err error) *materialize.RefusedError {
	refused, _ := errors.AsType[*materialize.RefusedError](err)
	return refused
}
