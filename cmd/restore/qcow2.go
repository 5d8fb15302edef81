package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/cache/private"
	"github.com/restorefs/restorefs/fusefs"
	"github.com/restorefs/restorefs/materialize"
)

// NoQemuImgError says that qemu-img, which a qcow2 needs, was not found.
type NoQemuImgError struct{ Err error }

// Error implements error.
func (e *NoQemuImgError) Error() string {
	return fmt.Sprintf("a qcow2 needs the program qemu-img (Debian: qemu-utils): %v", e.Err)
}

// Unwrap returns the cause.
func (e *NoQemuImgError) Unwrap() error { return e.Err }

// ToQcow2 restores into a new qcow2 file, for which it needs qemu-img and FUSE. The file gets its
// name when it is complete and checked, and replaces an existing one only with Keeper.Force. Of
// Options.Copy only MemoryBytes, VerifyAfter and Logger are used; Salvage and Overlay must not be
// set.
//
// The kernel reads the volume from this process, so set GOMAXPROCS to one more than the number of
// processors when Watch is called: by then there are as many workers of read-ahead as processors.
func (r *Restore) ToQcow2(ctx context.Context, name string) (_ Result, err error) {
	begin, volume := time.Now(), r.composed
	if err := r.ready(); err != nil {
		return Result{}, err
	}
	if r.volume != materialize.Source(volume) {
		return Result{}, errors.New("a qcow2 is made of a whole backup as it is, without an " +
			"overlay: restore into a raw file and convert that")
	}
	x := &conversion{size: volume.Size()}
	x.stage.Store("starting")
	if x.qemuImg, err = exec.LookPath("qemu-img"); err != nil {
		return Result{}, &NoQemuImgError{err}
	}
	target, err := openNewFile(ctx, name, volume.Size(), r.o.Keeper.Force)
	if err != nil {
		return Result{}, err
	}
	defer target.Close()
	out := Result{Target: target.String(), Path: target.Path(), Notes: target.Notes()}
	if err := r.mayKeepFiles(target); err != nil {
		return out, err
	}
	if err := r.confirm(ctx, target); err != nil {
		return out, err
	}
	data, err := dataBytes(ctx, volume)
	if err != nil {
		return out, err
	}
	spans := cache.New(cache.Options{MemoryBytes: r.o.Copy.MemoryBytes, MemoryFor: r.o.MemoryFor,
		Logger: r.o.Copy.Logger})
	defer spans.Close()
	x.source = newDisk(volume, spans)
	unmount, err := x.mount(ctx, r.o)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, unmount()) }()
	out.Begun = true
	if err := r.makeQcow2(ctx, x, target); err != nil {
		return out, err
	}
	out.Result = materialize.Result{
		Size: x.size, BytesWritten: data, BytesZeroed: x.size - data,
		Verified: r.o.Copy.VerifyAfter, Duration: time.Since(begin),
	}
	out.Restored = true
	out.Healed, out.Lost = volume.Healed(), r.salvage.Lost()
	out.Record, out.RecordErr = r.writeRecord(ctx, target)
	return out, nil
}

// makeQcow2 makes the file under a temporary name, and renames it.
func (r *Restore) makeQcow2(ctx context.Context, x *conversion, target *materialize.Target) error {
	dir, name := filepath.Split(target.Path())
	temp, err := os.CreateTemp(dir, "."+name+".restorefs-*")
	if err != nil {
		return fmt.Errorf("create the qcow2 file: %w", err)
	}
	defer temp.Close()
	defer os.Remove(temp.Name())
	x.temp = temp
	stop := r.watch(x.state)
	err = x.convert(ctx, r.o.Copy.VerifyAfter)
	stop()
	if ctx.Err() != nil {
		return fmt.Errorf("stopped before the end, %s is as it was: %w", target, ctx.Err())
	}
	if err != nil {
		return err
	}
	return giveName(temp, target.Path(), r.o.Keeper.Force)
}

// openNewFile checks a target that will be replaced as strictly as one that will be written.
func openNewFile(ctx context.Context, name string, size int64,
	force bool) (*materialize.Target, error) {
	if _, err := os.Lstat(name); err == nil && !force {
		return nil, &materialize.RefusedError{Target: name, Reasons: []materialize.Reason{
			{Kind: materialize.ReasonContent, Text: "it exists already", Forceable: true}}}
	}
	target, err := materialize.Open(ctx, name, materialize.OpenOptions{Size: size, Force: force})
	if err != nil {
		return nil, err
	}
	if target.Kind() != materialize.KindFile {
		target.Close()
		return nil, &materialize.RefusedError{Target: target.String(),
			Reasons: []materialize.Reason{
				{Kind: materialize.ReasonNotATarget,
					Text: "qcow2 is a format of files, and this is a device"}}}
	}
	return target, nil
}

// dataBytes returns how many bytes of the volume are not known to be zero.
func dataBytes(ctx context.Context, volume *backupstore.Volume) (n int64, err error) {
	for off := int64(0); off < volume.Size(); {
		start, stop, err := volume.NextData(ctx, off, volume.Size())
		if err != nil {
			return 0, err
		}
		if start == stop {
			break
		}
		n, off = n+stop-start, stop
	}
	return n, nil
}

// mount serves the backup in a new temporary directory. unmount also removes that.
func (x *conversion) mount(ctx context.Context, o Options) (unmount func() error, err error) {
	if err := o.Keeper.outside(os.TempDir()); err != nil {
		return nil, fmt.Errorf("the directory for temporary files (TMPDIR): %w", err)
	}
	dir, err := os.MkdirTemp("", "restorefs-qcow2-") // 0700
	if err != nil {
		return nil, fmt.Errorf("make a directory in %s, which is for temporary files (TMPDIR "+
			"chooses another): %w", os.TempDir(), err)
	}
	server, err := fusefs.Mount(ctx, dir, x.source,
		fusefs.Options{Avoid: o.Avoid, Logger: o.Copy.Logger})
	if err != nil {
		os.Remove(dir)
		return nil, fmt.Errorf("a qcow2 takes FUSE, through which qemu-img gets the volume: %w",
			err)
	}
	x.image = filepath.Join(dir, "backups", x.source.volume.Backup().ID, "volume.raw")
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := server.Unmount(ctx,
			fusefs.UnmountOptions{Lazy: true, Logger: o.Copy.Logger}); err != nil {
			return err
		}
		server.Wait()
		return os.Remove(dir)
	}, nil
}

// giveName renames a finished file durably. It replaces an existing file only with force.
func giveName(temp *os.File, path string, force bool) error {
	err := private.Rename(temp, path, force)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s has come into being during the run; it was left alone", path)
	}
	return err
}
