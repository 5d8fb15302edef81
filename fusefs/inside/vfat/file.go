package vfat

import (
	"errors"
	"fmt"
	"io"
)

// File is the contents of a regular file. It needs no closing, and may be used by many
// goroutines at once.
type File struct {
	f *FS
	e entry
	c *chain
}

var errOffset = errors.New("negative offset")

// Open opens the contents of a regular file.
func (f *FS) Open(ino uint64) (*File, error) {
	e, err := f.entry(ino)
	if err != nil {
		return nil, err
	}
	if e.dir {
		return nil, fmt.Errorf("open %s: it is no regular file", entryName(ino))
	}
	if err := f.checkPlace(e); err != nil {
		return nil, err
	}
	return &File{f: f, e: e, c: f.chainOf(e)}, nil
}

// checkPlace checks where the contents of a file or directory begin, and its size.
func (f *FS) checkPlace(e entry) error {
	if e.size == 0 && !e.dir {
		return nil
	}
	if !f.valid(e.first) {
		return corrupt(entryName(e.ino), "it would begin at cluster %d", e.first)
	}
	if uint64(e.size-1)/uint64(f.cluster) >= f.clusters && e.size > 0 {
		return corrupt(
			entryName(e.ino),
			"it would have %d bytes, more than the file system",
			e.size,
		)
	}
	return nil
}

func (f *FS) chainOf(e entry) *chain {
	return &chain{f: f, first: e.first, contiguous: e.contiguous}
}

// Size returns the size in bytes.
func (file *File) Size() int64 { return file.e.size }

// ReadAt implements io.ReaderAt. What was never written is zeros.
func (file *File) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errOffset
	}
	if off >= file.e.size {
		return 0, io.EOF
	}
	if int64(len(p)) > file.e.size-off {
		p, err = p[:file.e.size-off], io.EOF
	}
	for n < len(p) {
		at := off + int64(n)
		got, failed := file.piece(p[n:], at)
		if n += got; failed != nil {
			return n, fmt.Errorf("read %s at offset %d: %w", entryName(file.e.ino), at, failed)
		}
	}
	return n, err
}

// piece reads what lies in one piece.
func (file *File) piece(p []byte, off int64) (int, error) {
	valid := file.e.valid
	if off >= valid {
		clear(p)
		return len(p), nil
	}
	size := file.f.cluster
	skip := off % size
	at, count, err := file.c.run(uint64(off/size), (skip+int64(len(p))+size-1)/size)
	if err != nil {
		return 0, err
	}
	if count == 0 {
		return 0, corrupt(
			entryName(file.e.ino),
			"its chain of clusters ends before its %d bytes do",
			file.e.size,
		)
	}
	p = p[:min(int64(len(p)), count*size-skip, valid-off)]
	return len(p), file.f.dev.Read(p, at+skip)
}

// NextData returns the next data at an offset or behind it: from begin to end. Behind the
// last data the error is io.EOF.
func (file *File) NextData(off int64) (begin, end int64, err error) {
	if off < 0 {
		return 0, 0, errOffset
	}
	if end = min(file.e.size, file.e.valid); off >= end {
		return 0, 0, io.EOF
	}
	return off, end, nil
}
