package live

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cache/private"
	"github.com/restorefs/restorefs/cache/private/lock"
	"github.com/restorefs/restorefs/fusefs/overlay/pagefile"
)

// file is what is needed of the state file, so that tests can lose what was not synced.
type file interface {
	ReadAt(p []byte, off int64) (int, error)  // as io.ReaderAt
	WriteAt(p []byte, off int64) (int, error) // as io.WriterAt
	Truncate(size int64) error
	Size() (int64, error)
	// Allocate takes the space of the first n bytes, so that none is wanted later.
	Allocate(n int64) error
	Sync() error
	Close() error
}

type osFile struct{ *os.File }

// Size implements file.
func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Allocate implements file. On a file system that cannot do it space is taken when it is needed.
func (f osFile) Allocate(n int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, 0, n)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, syscall.EOPNOTSUPP):
			return nil
		case err != nil:
			return &fs.PathError{Op: "fallocate", Path: f.Name(), Err: err}
		default:
			return nil
		}
	}
}

// openFile opens the state file for this process alone. With create it makes it.
func openFile(path string, create bool) (file, error) {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(path, flags|private.Flags, 0o600)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && !create {
			return nil, fmt.Errorf("%w: there is no %s", ErrNone, path)
		}
		return nil, err
	}
	if err := private.Check(f); err != nil {
		f.Close()
		return nil, err
	}
	switch err := lock.Try(f, lock.Exclusive); {
	case errors.Is(err, lock.ErrHeld):
		f.Close()
		return nil, fmt.Errorf("%s: %w%s", path, ErrInUse, lock.Holder(path))
	case err != nil:
		f.Close()
		return nil, &fs.PathError{Op: "flock", Path: path, Err: err}
	}
	return osFile{f}, nil
}

// mayBeMade refuses a file without a header that is not what makeFile leaves when it does not come
// to its end: somebody named a file of another kind.
func mayBeMade(f file, key Key) error {
	size, err := f.Size()
	if err == nil && size != 0 && size != key.fileBytes() {
		err = fmt.Errorf("there is a file of %d bytes that is not one: name another one, or "+
			"remove it if nobody wants it", size)
	}
	return err
}

// makeFile lays out a state file. The header is written after everything that it promises.
func makeFile(f file, h *header, first record) error {
	write := func(p []byte, off int64) func() error {
		return func() error { _, err := f.WriteAt(p, off); return err }
	}
	head := h.encode()
	for _, step := range []func() error{
		func() error { return f.Truncate(0) }, // an attempt that failed may have left something
		f.Sync,
		func() error { return f.Truncate(h.key.fileBytes()) },
		func() error { return f.Allocate(h.key.fileBytes()) },
		write(first.encode(h.nonce), recordOffset(first.generation)),
		f.Sync,
		write(head, 0),
		write(head, headerBytes),
		f.Sync,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// readFile reads the header and the newest record. The error is ErrNone if the file was never
// finished.
func readFile(f file) (*header, record, error) {
	size, err := f.Size()
	if err != nil {
		return nil, record{}, err
	}
	b := make([]byte, pagesAt)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, record{}, err
	}
	b = b[:n]
	h, err := eitherHeader(b)
	switch {
	case errors.Is(err, ErrDamaged) && blank(b, headerBytes) && blank(b[min(n, headerBytes):],
		headerBytes):
		return nil, record{}, fmt.Errorf("%w: it was not finished", ErrNone)
	case err != nil:
		return nil, record{}, err
	case size != h.key.fileBytes():
		return nil, record{}, damaged("it has %d bytes, not %d: it was cut, or a copy was not "+
			"finished", size, h.key.fileBytes())
	}
	last, err := latest(b[recordsAt:pagesAt], h)
	return h, last, err
}

func eitherHeader(b []byte) (*header, error) {
	h, err := decodeHeader(b)
	if err != nil && len(b) >= headerBytes {
		if again, err2 := decodeHeader(b[headerBytes:]); err2 == nil ||
			errors.Is(err2, ErrVersion) {
			return again, err2
		}
	}
	return h, err
}

// blank says whether the first n bytes of b, as far as it has them, are zero.
func blank(b []byte, n int) bool {
	for _, c := range b[:min(n, len(b))] {
		if c != 0 {
			return false
		}
	}
	return true
}

// writeRecord writes the next record durably.
func writeRecord(f file, h *header, r record) error {
	if _, err := f.WriteAt(r.encode(h.nonce), recordOffset(r.generation)); err != nil {
		return err
	}
	return f.Sync()
}

// Lock keeps other processes away from a state file, whatever it says, until release is called. The
// error is ErrInUse or ErrNone.
func Lock(path string) (release func(), err error) {
	f, err := openFile(path, false)
	if err != nil {
		return nil, err
	}
	return func() { f.Close() }, nil
}

// Remove takes a state file away, which is locked by its Volume or by nobody.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return private.SyncDir(filepath.Dir(path), nil)
}

// readPage reads a page of the map.
func readPage(f file, h *header, index int64) (words *pagefile.Words, generation uint64, doubt bool,
	err error) {
	var both [pagefile.PageBytes]byte
	if _, err := f.ReadAt(both[:], slotOffset(index, 0)); err != nil {
		return nil, 0, false, fmt.Errorf("read the map of valid blocks: %w", err)
	}
	bits := h.key.pageBits(index)
	words, generation, doubt, err = pagefile.Decode(both[:], h.nonce, index, bits)
	if errors.Is(err, pagefile.ErrDamaged) {
		err = damaged("page %d of its map, for %d bytes from %d on: put the file back from a "+
			"copy, or begin anew with --abort",
			index, bits/2*blockBytes, index*pageBlocks*blockBytes)
	}
	return words, generation, doubt, err
}
