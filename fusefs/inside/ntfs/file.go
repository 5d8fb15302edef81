package ntfs

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// File is the contents of a regular file, or of another stream of one. It needs no
// closing, and may be used by many goroutines at once.
type File struct {
	*stream
	size, written int64
	compressed    bool

	unitMu sync.Mutex
	unit   int64 // which unit was decompressed last
	data   []byte
}

var errOffset = errors.New("negative offset")

// Open opens the contents of a regular file or of a stream. The error is [ErrUnsupported]
// (errors.Is) if they are encrypted, or in a form that is not read here.
func (f *FS) Open(ino uint64) (*File, error) {
	n, err := f.inode(ino)
	if err != nil {
		return nil, err
	}
	place := int(ino >> numberBits)
	if place == 0 {
		if n.isDir() {
			return nil, fmt.Errorf("open %s: it is no regular file", recordName(n.number))
		}
		if err := n.checkReadable(); err != nil {
			return nil, fmt.Errorf("open %s: %w", recordName(n.number), err)
		}
	}
	a, err := n.streamAttribute(place)
	if isNotExist(err) && place == 0 {
		a, err = attribute{kind: attrData, resident: true}, nil // as Windows takes it
	}
	if err != nil {
		return nil, err
	}
	return n.file(a)
}

// file opens the contents of an attribute as a file.
func (n *inode) file(a attribute) (*File, error) {
	file := &File{stream: n.stream(a), size: a.size, written: a.initialized, unit: -1}
	switch method := a.flags & flagCompressed; {
	case a.flags&flagEncrypted != 0:
		return nil, fmt.Errorf("open %s: %w: its contents are encrypted", recordName(n.number),
			ErrUnsupported)
	case a.resident || method == 0:
	case method != methodLZNT1 || a.unit == 0:
		return nil, fmt.Errorf("open %s: %w: it is compressed by a method %d",
			recordName(n.number), ErrUnsupported, method)
	default:
		file.compressed = true
	}
	return file, nil
}

// Size returns the size in bytes.
func (file *File) Size() int64 { return file.size }

// ReadAt implements io.ReaderAt. Holes, and what was never written, are zeros.
func (file *File) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errOffset
	}
	if off >= file.size {
		return 0, io.EOF
	}
	if int64(len(p)) > file.size-off {
		p, err = p[:file.size-off], io.EOF
	}
	written := int(max(min(file.written-off, int64(len(p))), 0))
	clear(p[written:])
	var failed error
	switch {
	case file.first.resident:
		copy(p[:written], file.first.value[min(off, int64(len(file.first.value))):])
	case file.compressed:
		n, failed = file.readUnits(p[:written], off)
	default:
		failed = file.readAt(p[:written], off, func(p []byte, at int64) error {
			err := file.n.f.dev.Read(p, at)
			if err == nil {
				n += len(p)
			}
			return err
		})
	}
	if failed != nil {
		return n, fmt.Errorf("read %s at offset %d: %w", recordName(file.n.number), off, failed)
	}
	return len(p), err
}

// NextData returns the next data at an offset or behind it: from begin to end. Behind the
// last data the error is io.EOF.
func (file *File) NextData(off int64) (begin, end int64, err error) {
	if off < 0 {
		return 0, 0, errOffset
	}
	if file.first.resident {
		if off >= file.size {
			return 0, 0, io.EOF
		}
		return off, file.size, nil
	}
	for rounds := 1; off < file.written; rounds++ {
		if rounds%aliveRounds == 0 {
			if err := file.n.f.dev.Alive(); err != nil {
				return 0, 0, err
			}
		}
		end, hole, err := file.dataEnd(off)
		if err != nil {
			return 0, 0, err
		}
		if !hole {
			return off, min(end, file.written), nil
		}
		off = end
	}
	return 0, 0, io.EOF
}

// dataEnd returns where the data or the hole at an offset ends.
func (file *File) dataEnd(off int64) (end int64, hole bool, err error) {
	unit := file.n.f.cluster
	if file.compressed {
		unit = file.first.unit // whose first cluster says what it is
	}
	at := off / unit * unit
	r, err := file.runAt(uint64(at / file.n.f.cluster))
	if err != nil {
		return 0, false, err
	}
	end = int64(r.vcn+r.count) * file.n.f.cluster
	if r.hole() {
		return max(end/unit*unit, at+unit), true, nil
	}
	return (end + unit - 1) / unit * unit, false, nil
}
