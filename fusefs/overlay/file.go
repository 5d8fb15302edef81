package overlay

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cache/private"
)

// file is what the overlay needs of a file, so that tests can inject faults.
// Errors name the file.
type file interface {
	ReadAt(p []byte, off int64) (int, error)  // as io.ReaderAt
	WriteAt(p []byte, off int64) (int, error) // as io.WriterAt
	Truncate(size int64) error
	Size() (int64, error)

	// Sync returns when the data and the metadata needed to find it are on
	// stable storage.
	Sync() error
	// Allocate allocates space for n bytes at off and extends the file if
	// necessary. New bytes read as zeros.
	Allocate(off, n int64) error
	// Punch makes n bytes at off read as zeros.
	Punch(off, n int64) error
	// NextData returns the first range of [off, end) that may not be zero,
	// start == end if there is none.
	NextData(off, end int64) (start, stop int64, err error)

	Close() error
}

// storage is the directory of the overlay's files.
type storage interface {
	open(name string) (file, error)
	create(name string) (file, error) // opens it, and makes it if it does not exist
	remove(name string) error         // no error if it does not exist
	sync() error                      // makes created and removed names permanent
}

// directory is a storage of the operating system.
type directory struct {
	path   string
	access int // os.O_RDONLY or os.O_RDWR
}

func (d directory) open(name string) (file, error) { return d.openWith(name, 0) }

func (d directory) create(name string) (file, error) { return d.openWith(name, os.O_CREATE) }

func (d directory) openWith(name string, flags int) (file, error) {
	f, err := openRegular(filepath.Join(d.path, name), d.access|flags)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d directory) remove(name string) error {
	if err := os.Remove(filepath.Join(d.path, name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d directory) sync() error { return private.SyncDir(d.path, nil) }

// openRegular opens a regular file that belongs to the user, and follows no
// link.
func openRegular(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, flags|private.Flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := private.Check(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

type osFile struct{ *os.File }

func (f osFile) fd() int { return int(f.Fd()) }

func (f osFile) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: f.Name(), Err: err}
}

// retry calls f again when a signal has interrupted it.
func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osFile) Sync() error {
	return f.fail("fdatasync", retry(func() error { return unix.Fdatasync(f.fd()) }))
}

func (f osFile) Allocate(off, n int64) error {
	return f.fail("fallocate", retry(func() error { return unix.Fallocate(f.fd(), 0, off, n) }))
}

func (f osFile) Punch(off, n int64) error {
	err := retry(func() error {
		return unix.Fallocate(f.fd(), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
	})
	if err != unix.EOPNOTSUPP {
		return f.fail("fallocate", err)
	}
	zeros := make([]byte, min(n, 1<<20))
	for n > 0 {
		k, err := f.WriteAt(zeros[:min(n, int64(len(zeros)))], off)
		if err != nil {
			return err
		}
		off, n = off+int64(k), n-int64(k)
	}
	return nil
}

func (f osFile) NextData(off, end int64) (start, stop int64, err error) {
	start, err = unix.Seek(f.fd(), off, unix.SEEK_DATA)
	switch {
	case err == unix.ENXIO || err == nil && start >= end:
		return end, end, nil
	case err == unix.EINVAL: // the file system does not know
		return off, end, nil
	case err != nil:
		return 0, 0, f.fail("lseek", err)
	}
	stop, err = unix.Seek(f.fd(), start, unix.SEEK_HOLE)
	if err != nil {
		return 0, 0, f.fail("lseek", err)
	}
	return start, min(stop, end), nil
}
