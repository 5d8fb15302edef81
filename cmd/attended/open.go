package attended

import (
	"context"
	"errors"
	"fmt"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/restore"
	"github.com/restorefs/restorefs/cmd/source"
)

// newRestoring opens the backup that materialize is to restore. Nothing is written. The caller
// closes it.
func newRestoring(ctx context.Context, o Options) (*restoring, error) {
	if err := o.prepare(); err != nil {
		return nil, err
	}
	catalog, share, err := source.Open(ctx, o.Source, backupstore.Options{
		DecoderBytes: o.Engine.Copy.MemoryBytes, NoIndexBuild: true,
	})
	if err != nil {
		return nil, err
	}
	o.Engine.Keeper = o.keeper(ctx, share)
	o.Engine.Avoid = append(o.Engine.Avoid, share.Dirs()...)
	if o.Target != "-" && !o.qcow2 {
		o.Engine.StateDir = o.stateDir(ctx, share)
	}
	r := &restoring{o: o, share: share, given: o.Given.At(share.Places()...), catalog: catalog}
	if err := errors.Join(o.checkMetadataOut(), r.open(ctx)); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// wanted finds the backup. With --salvage a broken one does where no other is.
func (r *restoring) wanted() (*backupstore.Backup, error) {
	if r.o.Engine.Salvage != restore.NoSalvage {
		return source.FindBroken(r.catalog, r.o.Backup, r.o.Err)
	}
	b, err := source.Find(r.catalog, r.o.Backup, r.o.Err)
	if errors.Is(err, backupstore.ErrNoBackup) {
		if broken, failed := r.catalog.LookupBroken(r.o.Backup); failed == nil {
			return nil, fmt.Errorf("%w\n--salvage restores what can be had of backup %s", err,
				broken.Backup.ID)
		}
	}
	return b, err
}

func (r *restoring) open(ctx context.Context) (err error) {
	if r.backup, err = r.wanted(); err != nil {
		return err
	}
	if err := r.openKeys(ctx); err != nil {
		return err
	}
	o := r.o.Engine
	o.Confirm = r.confirm
	o.Watch = func(now func() restore.Progress) (stop func()) {
		// the mount that qemu-img reads is there, and so are the workers of read-ahead
		if r.o.qcow2 {
			process.SpareThread()
		}
		return r.o.ShowProgress(func() console.State { return stateOf(now()) })
	}
	r.engine, err = restore.Open(ctx, r.catalog, r.backup, o)
	broken, isBroken := errors.AsType[*restore.BrokenError](err)
	switch {
	case isBroken && r.o.DryRun:
		return errors.Join(r.lacking(), brokenWords(broken))
	case isBroken:
		return brokenWords(broken)
	case errors.Is(err, restore.ErrNothingWritten):
		return cmdline.Usagef("nothing was written onto backup %s in %s: leave --overlay out, or "+
			"see \"restorefs overlay list %s\"", r.backup.ID, o.Overlay, o.Overlay)
	case err == nil:
		r.tellDecrypted()
	}
	return err
}
