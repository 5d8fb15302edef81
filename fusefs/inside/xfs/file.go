package xfs

import (
	"errors"
	"fmt"
	"io"
)

// File is the contents of a regular file. It needs no closing, and may be used
// by many goroutines at once.
type File struct {
	f  *FS
	in *inode
	at cursor
}

var errOffset = errors.New("negative offset")

// Open opens the contents of a regular file. The error is [ErrUnsupported]
// (errors.Is) if they are on a realtime device.
func (f *FS) Open(ino uint64) (*File, error) {
	in, err := f.visible(ino)
	if err != nil {
		return nil, err
	}
	if in.kind() != typeRegular {
		return nil, fmt.Errorf("open inode %d: it is no regular file", ino)
	}
	if be.Uint16(in.raw[90:])&flagRealtime != 0 {
		return nil, fmt.Errorf("open inode %d: %w: its contents are on the realtime device", ino,
			ErrUnsupported)
	}
	if f.unfinished[ino].data {
		return nil, fmt.Errorf("open inode %d: %w: its contents were being exchanged with "+
			"another file's",
			ino, ErrUnsupported)
	}
	if k := in.data.form; k != formExtents && k != formTree {
		return nil, corrupt(in.String(), "its contents are kept in a form %d", k)
	}
	return &File{f: f, in: in}, nil
}

// Size returns the size in bytes.
func (file *File) Size() int64 { return file.in.size }

// ReadAt implements io.ReaderAt. Holes, and what was allocated and never
// written, are zeros.
func (file *File) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errOffset
	}
	if off >= file.in.size {
		return 0, io.EOF
	}
	if int64(len(p)) > file.in.size-off {
		p, err = p[:file.in.size-off], io.EOF
	}
	for n < len(p) {
		got, failed := file.readRun(p[n:], off+int64(n))
		if n += got; failed != nil {
			return n, fmt.Errorf("read inode %d at offset %d: %w", file.in.ino,
				off+int64(n), failed)
		}
	}
	return n, err
}

// readRun reads from one run.
func (file *File) readRun(p []byte, off int64) (int, error) {
	f := file.f
	r, err := f.runAt(file.in, &file.in.data, uint64(off>>f.sb.logBlock), &file.at)
	if err != nil {
		return 0, err
	}
	skip := off & (f.bs - 1)
	// else p is shorter anyway, and the product may not fit
	if room := r.to - r.from; room < 1<<31 {
		p = p[:min(int64(len(p)), int64(room)<<f.sb.logBlock-skip)]
	}
	if !r.data {
		clear(p)
		return len(p), nil
	}
	if err := f.readBlocks(p, r.disk, skip); err != nil {
		return 0, err
	}
	return len(p), nil
}

// NextData returns the next data at an offset or behind it: from begin to end,
// where end is at most the size of the file. It may be followed by more data.
// Behind the last data the error is io.EOF.
func (file *File) NextData(off int64) (begin, end int64, err error) {
	f, size := file.f, file.in.size
	if off < 0 {
		return 0, 0, errOffset
	}
	log := f.sb.logBlock
	// What has no data is a hole or blocks that were never written: there are
	// about as many of the former as extents, and no more of the latter than blocks.
	for i := range 2*f.there()*uint64(f.bs/extentBytes) + 1024 {
		if i%4096 == 4095 {
			if err := f.dev.Alive(); err != nil {
				return 0, 0, err
			}
		}
		if off >= size {
			return 0, 0, io.EOF
		}
		r, err := f.runAt(file.in, &file.in.data, uint64(off>>log), &file.at)
		if err != nil {
			return 0, 0, fmt.Errorf("find data of inode %d from offset %d on: %w",
				file.in.ino, off, err)
		}
		end := size
		if r.to < uint64(size>>log)+1 {
			end = min(size, int64(r.to)<<log)
		}
		if r.data {
			return off, end, nil
		}
		off = end
	}
	return 0, 0, corrupt(file.in.String(), "it has more holes than the disk has room for")
}
