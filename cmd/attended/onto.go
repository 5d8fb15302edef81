package attended

import (
	"context"
	"errors"

	"github.com/restorefs/restorefs/cmd/restore"
)

// onto copies the backup onto a device or into a file, reports the restore, and restores the
// metadata of the cloud's volume, if the target is one.
func (r *restoring) onto(ctx context.Context, name string, guard restore.Guard) error {
	if err := r.sureOf(ctx, name); err != nil {
		return err
	}
	var err error
	if r.done, err = r.engine.To(ctx, name, guard); err != nil {
		return r.explained(name, err)
	}
	r.noteReflink()
	err = r.finish(ctx)
	return errors.Join(r.salvaged(), inDoubt(r.backup), err)
}

// toQcow2 restores into a qcow2 file, or prints what it would do.
func (r *restoring) toQcow2(ctx context.Context, name string) error {
	if r.o.DryRun {
		return r.plan(ctx, name, r.engine.PlanQcow2)
	}
	if err := r.sureOf(ctx, name); err != nil {
		return err
	}
	var left error // the mount for qemu-img, if the file is complete
	if r.done, left = r.engine.ToQcow2(ctx, name); !r.done.Restored {
		return r.explained(name, left)
	}
	return errors.Join(r.finish(ctx), left)
}
