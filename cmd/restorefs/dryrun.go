package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/materialize"
)

// dryRunUnseen says what a run would do of whose target nothing is known: stdout,
// or a qcow2 file, which is made anew beside the one that it replaces.
func (r *restore) dryRunUnseen(ctx context.Context, name string, qcow2 bool) error {
	e, err := materialize.PlanUnseen(ctx, r.volume, name)
	if err != nil {
		return err
	}
	if qcow2 {
		if err := r.planQcow2(ctx, name, &e); err != nil {
			return err
		}
	} else {
		e.ZeroBytes = e.Size - e.DataBytes // are written like all else
	}
	p, err := newPlanned(ctx, r.composed, r.volume, e, r.options)
	if err != nil {
		return err
	}
	if qcow2 {
		p.Target = resolved(name)
		p.FreeBytes = freeFor(p.Target)
	}
	if r.o.json {
		err = writeJSON(r.o.out, p)
	} else {
		printPlan(r.o.out, p, e.Notes)
	}
	if err != nil {
		return err
	}
	if e.Refused != nil {
		return e.Refused
	}
	return errors.Join(r.broken, p.fits())
}

// planQcow2 checks the target of a qcow2 and what making one takes.
func (r *restore) planQcow2(ctx context.Context, name string, e *materialize.Estimate) error {
	if _, err := exec.LookPath("qemu-img"); err != nil {
		return errNoQemuImg(err)
	}
	target, err := openNewFile(ctx, name, r.volume.Size(), r.o.force)
	if refused, ok := errors.AsType[*materialize.RefusedError](err); ok {
		e.Refused = refused
		return nil
	}
	if err != nil {
		return err
	}
	e.Notes = append(e.Notes, "as qcow2: zeros take no room, and its tables some more than the data")
	e.Overridden = target.Overridden()
	target.Close()
	return nil
}

func errNoQemuImg(err error) error {
	return fmt.Errorf("--format qcow2 needs the program qemu-img (Debian: qemu-utils): %w; without it, restore a raw file", err)
}

// resolved is a target's path in full, without symbolic links; of one that is not
// there, in its directory.
func resolved(name string) string {
	path, err := filepath.EvalSymlinks(name)
	if errors.Is(err, fs.ErrNotExist) {
		if path, err = filepath.EvalSymlinks(filepath.Dir(name)); err == nil {
			path = filepath.Join(path, filepath.Base(name))
		}
	}
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return name
	}
	return path
}

// freeFor is how many bytes can be written to a file at most: what its file
// system has free for this user, and what the file has already. nil where there is
// no such limit (a device), or it is not known.
func freeFor(path string) *int64 {
	var held int64
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err == nil {
		if st.Mode&unix.S_IFMT != unix.S_IFREG {
			return nil
		}
		held = st.Blocks * 512
	}
	var s unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &s); err != nil {
		return nil
	}
	free := held + int64(s.Bavail)*int64(s.Bsize)
	return &free
}

// fits says that there is too little room for what would be written for certain.
func (p planned) fits() error {
	if p.FreeBytes == nil || p.Refused || p.WriteBytes <= *p.FreeBytes {
		return nil
	}
	return fmt.Errorf("%s would not fit: %s are to be written, %s are free there (a file system that compresses may take more)",
		printable(p.Target), formatSize(p.WriteBytes), formatSize(*p.FreeBytes))
}
