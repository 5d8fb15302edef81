package materialize

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cache/private/lock"
)

// toBeCreated accepts a name that does not exist yet, in a directory that does.
// resolving is the error of resolving the name.
func (t *Target) toBeCreated(resolving error) (readOnly bool, err error) {
	if !errors.Is(resolving, fs.ErrNotExist) {
		return false, fmt.Errorf("resolve target %s: %w", t.name, cause(resolving))
	}
	if to, err := os.Readlink(t.name); err == nil {
		return false, fmt.Errorf("target %s is a symbolic link to %s, which does not exist", t.name,
			to)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(t.name))
	if err != nil {
		return false, fmt.Errorf("target %s: the directory %s: %w; make it, or name another target",
			t.name, filepath.Dir(t.name), cause(err))
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return false, fmt.Errorf("resolve target %s: %w", t.name, err)
	}
	if strings.HasPrefix(dir+"/", "/dev/") && !strings.HasPrefix(dir+"/", "/dev/shm/") {
		// A mistyped device must not become a file in memory.
		return false, fmt.Errorf("target %s: there is no such device", t.name)
	}
	t.kind, t.path, t.blank = KindFile, filepath.Join(dir, filepath.Base(t.name)), true
	switch err := unix.Access(dir, unix.W_OK|unix.X_OK); {
	case errors.Is(err, unix.EROFS):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("target %s: nothing can be created in its directory %s: %w",
			t.name, filepath.Dir(t.path), err)
	}
	return false, nil
}

func (t *Target) openFile() (facts, error) {
	f := facts{kind: KindFile, id: t.id}
	var err error
	t.f, err = t.openAs(os.O_RDWR)
	switch {
	case errors.Is(err, unix.EROFS):
		f.readOnly = true
	case errors.Is(err, unix.ETXTBSY):
		f.busy = true
	case err != nil:
		f.unopened = fmt.Errorf("open target %s: %w", t, cause(err))
		return f, nil
	}
	if err != nil {
		if t.f, err = t.openAs(os.O_RDONLY); err != nil {
			f.unopened = fmt.Errorf("open target %s: %w", t, cause(err))
			return f, nil
		}
	} else {
		f.locked = !t.lock()
	}
	if t.size, err = t.f.Seek(0, io.SeekEnd); err != nil {
		return f, fmt.Errorf("size of target %s: %w", t, cause(err))
	}
	f.size, t.key = t.size, fileKey(t.fd())
	t.blank = t.isHole()
	return f, nil
}

// isHole reports whether the file is one hole from end to end, or empty.
func (t *Target) isHole() bool {
	_, err := unix.Seek(t.fd(), 0, unix.SEEK_DATA)
	return errors.Is(err, unix.ENXIO)
}

// lock takes an open file description lock on the whole target, as qemu does
// for its images, so that neither starts while the other writes. It returns
// false if another process holds one. On file systems without locks it does
// nothing.
func (t *Target) lock() bool {
	return !errors.Is(lock.TryImage(t.f), lock.ErrHeld)
}

// create creates the file if it did not exist when it was opened. If it did and
// was blank, create looks again whether it is.
func (t *Target) create() error {
	if t.f != nil {
		// The operator may have taken long to confirm.
		t.blank = t.blank && t.isHole()
		return nil
	}
	f, err := os.OpenFile(t.path, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_CLOEXEC|unix.O_NOFOLLOW,
		0o600)
	if err != nil {
		return &TargetError{Target: t.path, Op: "create", Err: cause(err)}
	}
	t.f, t.created, t.key = f, true, fileKey(int(f.Fd()))
	if !t.lock() {
		return &TargetError{Target: t.path, Op: "lock", Err: unix.EAGAIN}
	}
	return nil
}

// extend extends a file that is shorter than the volume. A target is never
// shortened.
func (t *Target) extend() error {
	if t.kind != KindFile || t.size >= t.need {
		return nil
	}
	if err := t.f.Truncate(t.need); err != nil {
		return &TargetError{Target: t.path, Op: "extend", Err: cause(err)}
	}
	t.size = t.need
	return nil
}

// nextData returns the first range inside [off, end) in which the target may
// hold data; start == stop if all of it is a hole. For devices that is the
// whole range.
func (t *Target) nextData(off, end int64) (start, stop int64) {
	if t.kind != KindFile {
		return off, end
	}
	start, err := unix.Seek(t.fd(), off, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) || err == nil && start >= end {
		return end, end
	}
	if err != nil {
		return off, end
	}
	if stop, err = unix.Seek(t.fd(), start, unix.SEEK_HOLE); err != nil || stop > end {
		stop = end
	}
	return start, stop
}
