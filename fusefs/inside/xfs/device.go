package xfs

import (
	"errors"
	"fmt"
	"io"
)

// sectorShift is log2 of the basic block: the unit of addresses on the disk and
// in the log, whatever the disk's own sectors are.
const sectorShift = 9

// device is the disk or partition that holds the file system.
type device struct {
	r    io.ReaderAt
	size int64
	over *overlay // what the log replaces; nil while it is not replayed
}

var errOutside = errors.New("it is beyond the end of the disk")

// read fills p from an offset. It is the only place that reads.
func (d *device) read(p []byte, off int64) error {
	if off < 0 || int64(len(p)) > d.size || off > d.size-int64(len(p)) {
		return fmt.Errorf("read %d bytes at offset %d: %w", len(p), off, errOutside)
	}
	n, err := d.r.ReadAt(p, off)
	if n == len(p) {
		if d.over != nil {
			d.over.apply(p, off)
		}
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at offset %d: %w", len(p), off, err)
}

// replaced says whether the log replaces something of n bytes at an offset. What
// it replaces has no right checksum: the kernel makes that when it writes it back.
func (d *device) replaced(off, n int64) bool { return d.over != nil && d.over.touches(off, n) }

// alive reads a byte: who reads may have given up, which nobody would notice in what is cached.
func (d *device) alive() error {
	var b [1]byte
	return d.read(b[:], 0)
}
