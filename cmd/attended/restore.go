package attended

import (
	"context"
	"errors"

	"github.com/restorefs/restorefs/cmd/cmdline"
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
	if r.cloud != nil { // which may get another name, so that only its id is repeated
		r.given = r.given.With("volume", r.cloud.Volume.ID)
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
