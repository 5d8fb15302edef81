package attended

import (
	"context"
	"errors"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/restore"
)

// Restore restores a backup, or its metadata alone, or says what it would do.
func Restore(ctx context.Context, o Options) error {
	if o.Cloud.MetadataOnly {
		return metadataOnly(ctx, o)
	}
	finds, err := o.findsDevice()
	switch {
	case err != nil:
		return err
	case finds:
		return toFoundDevice(ctx, o)
	}
	return toTarget(ctx, o)
}

// toTarget restores to the TARGET that the operator names.
func toTarget(ctx context.Context, o Options) error {
	if err := cmdline.WantArgs(o.Command, o.Args, "", "BACKUP", "TARGET"); err != nil {
		return err
	}
	r, err := newRestoring(ctx, o)
	if err != nil {
		return err
	}
	defer r.close()
	if o.Target == "-" {
		return r.toStdout(ctx)
	}
	if err := r.outside(o.Target); err != nil {
		return err
	}
	if r.o.qcow2 {
		return r.toQcow2(ctx, o.Target)
	}
	if r.cloud, err = findCloudVolume(ctx, o, r.share); err != nil {
		return err
	}
	if err := r.isTheVolume(ctx, o.Target); err != nil {
		return err
	}
	if o.DryRun {
		return r.plan(ctx, o.Target, r.engine.Plan)
	}
	if err = r.onto(ctx, o.Target, r.byHand()); r.done.Restored && r.cloud != nil {
		err = errors.Join(err, r.cloud.Free(ctx))
	}
	return err
}

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
	if err := errors.Join(r.finish(ctx), left); err != nil {
		return err
	}
	tellContents(ctx, r.o.Err, r.engine.Volume())
	return nil
}
