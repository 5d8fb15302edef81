package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Replace writes a file atomically and durably, with mode 0600. After an error nothing of it is
// left.
func Replace(path string, data []byte) error { return write(path, data, true) }

// Create is Replace, but fails with fs.ErrExist if the file exists.
func Create(path string, data []byte) error { return write(path, data, false) }

func write(path string, data []byte, over bool) error {
	// CreateTemp uses an unpredictable name and O_EXCL.
	f, err := os.CreateTemp(filepath.Dir(path), ".restorefs-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, cause(err))
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("write %s: %w", path, cause(err))
	}
	return Rename(f, path, over)
}

// Rename flushes a file that was written under another name of the same directory and names it
// path, durably. If path exists it is replaced, or without over left alone, with fs.ErrExist.
func Rename(f *os.File, path string, over bool) error {
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", path, cause(err))
	}
	if err := rename(f.Name(), path, over); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return SyncDir(filepath.Dir(path), f)
}

// rename returns errors without names: the first would be a temporary one.
func rename(temp, path string, over bool) error {
	if over {
		return linkCause(os.Rename(temp, path))
	}
	err := unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // NFS and others
		if err = linkCause(os.Link(temp, path)); err == nil {
			err = cause(os.Remove(temp))
		}
	}
	return err
}

func linkCause(err error) error {
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		return l.Err
	}
	return err
}

// SyncDir makes the names in a directory durable, as far as its file system can do that (EINVAL). A
// directory may be writable and not readable, and cannot be flushed by itself then: instead the
// whole file system is, through a file on it, or if that is nil nothing.
func SyncDir(dir string, on *os.File) error {
	d, err := os.Open(dir)
	switch {
	case err == nil:
		err = d.Sync()
		d.Close()
	case errors.Is(err, fs.ErrPermission):
		err = syncAll(on)
	}
	if err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("flush the directory %s: %w", dir, cause(err))
	}
	return nil
}

func syncAll(on *os.File) error {
	if on == nil {
		return nil
	}
	for {
		if err := unix.Syncfs(int(on.Fd())); err != unix.EINTR {
			return err
		}
	}
}
