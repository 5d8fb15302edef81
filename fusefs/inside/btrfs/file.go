package btrfs

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// File is the contents of a regular file. It needs no closing, and may be used by many
// goroutines at once.
type File struct {
	*inode

	mu   sync.Mutex
	last extent // of which piece what was decompressed last is
	data []byte // that
}

var errOffset = errors.New("negative offset")

// Open opens the contents of a regular file.
func (f *FS) Open(ino uint64) (*File, error) {
	n, err := f.inode(ino)
	if err != nil {
		return nil, err
	}
	if n.mode()&typeMask != modeRegular {
		return nil, fmt.Errorf("open %s: it is no regular file", n.name())
	}
	if n.size() < 0 {
		return nil, corrupt(n.name(), "it would have %d bytes", uint64(n.size()))
	}
	return n.file(), nil
}

func (n *inode) file() *File { return &File{inode: n} }

// Size returns the size in bytes.
func (file *File) Size() int64 { return file.size() }

// ReadAt implements io.ReaderAt. Holes, and what was never written, are zeros.
func (file *File) ReadAt(p []byte, off int64) (n int, err error) {
	size := file.size()
	if off < 0 {
		return 0, errOffset
	}
	if off >= size {
		return 0, io.EOF
	}
	if int64(len(p)) > size-off {
		p, err = p[:size-off], io.EOF
	}
	for n < len(p) {
		at := off + int64(n)
		e, failed := file.extentAt(at)
		if failed == nil {
			piece := p[n:][:min(int64(len(p)-n), e.end-at)]
			if failed = file.readExtent(piece, e, at-e.begin); failed == nil {
				n += len(piece)
				continue
			}
		}
		return n, fmt.Errorf("read %s at offset %d: %w", file.name(), at, failed)
	}
	return n, err
}

// readExtent fills p from an offset within a piece of the file.
func (file *File) readExtent(p []byte, e extent, in int64) error {
	switch {
	case e.hole:
		clear(p)
		return nil
	case e.compression != 0:
		return file.readCompressed(p, e, e.offset+in)
	case e.inline != nil:
		copy(p, e.inline[in:])
		return nil
	}
	// Whole blocks have checksums.
	sector := file.f.sector
	at := e.offset + in
	for len(p) > 0 {
		skip := at % sector
		n := min((skip+int64(len(p))+sector-1)/sector*sector, max(readBytes, sector),
			e.length-at+skip)
		if n <= 0 {
			return corrupt(file.name(), "an extent of %d bytes has no byte %d", e.length, at)
		}
		if skip == 0 && n <= int64(len(p)) {
			if err := file.readBlocks(p[:n], e.logical+uint64(at)); err != nil {
				return err
			}
			p, at = p[n:], at+n
			continue
		}
		b := make([]byte, n)
		if err := file.readBlocks(b, e.logical+uint64(at-skip)); err != nil {
			return err
		}
		got := copy(p, b[skip:])
		p, at = p[got:], at+int64(got)
	}
	return nil
}

// readBlocks fills p with whole blocks from an address, compared with their checksums.
func (file *File) readBlocks(p []byte, logical uint64) error {
	f := file.f
	for len(p) > 0 { // a chunk may end within
		c, in, err := f.chunkAt(logical)
		if err != nil {
			return err
		}
		n := min(uint64(len(p)), c.length-uint64(in))
		if n%uint64(f.sector) != 0 {
			return corrupt("the tree of chunks", "one ends within a block")
		}
		err = file.readCopies(p[:n], logical)
		// Each block is taken from the copy that is right there.
		if sector := uint64(f.sector); err != nil && len(c.copies) > 1 && n > sector {
			err = nil
			for at := uint64(0); at < n && err == nil; at += sector {
				err = file.readCopies(p[at:][:sector], logical+at)
			}
		}
		if err != nil {
			return err
		}
		p, logical = p[n:], logical+n
	}
	return nil
}

// readCopies fills p with whole blocks from an address from the first copy that is right.
func (file *File) readCopies(p []byte, logical uint64) error {
	check, err := file.checker(logical, len(p)/int(file.f.sector))
	if err != nil {
		return err
	}
	return file.f.readLogical(p, logical, check)
}

// errNoSum is the error for bytes that should have a checksum: nothing says that they are right.
var errNoSum = errors.New("it has no checksum, and should have one")

// checker returns what compares so many blocks from an address on with their checksums. Some
// files are kept without.
func (file *File) checker(logical uint64, blocks int) (func([]byte) error, error) {
	f := file.f
	if file.flags()&flagNoSums != 0 || !f.readable {
		return func([]byte) error { return nil }, nil
	}
	sums, found, err := f.sums(logical, blocks)
	if err != nil {
		return nil, fmt.Errorf("find the checksums of what has the address %d: %w", logical, err)
	}
	return func(p []byte) error {
		for i := range found {
			switch {
			case !found[i]:
				return errNoSum
			case !f.checksum.right(sums[i*f.checksum.size:], p[int64(i)*f.sector:][:f.sector]):
				return errChecksum
			}
		}
		return nil
	}, nil
}

// NextData returns the next data at an offset or behind it: from begin to end. Behind the
// last data the error is io.EOF.
func (file *File) NextData(off int64) (begin, end int64, err error) {
	if off < 0 {
		return 0, 0, errOffset
	}
	for size := file.size(); off < size; {
		e, err := file.extentAt(off)
		if err != nil {
			return 0, 0, fmt.Errorf("read %s at offset %d: %w", file.name(), off, err)
		}
		if !e.hole {
			return off, min(e.end, size), nil
		}
		off = e.end
	}
	return 0, 0, io.EOF
}
