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
}

var errOutside = errors.New("it is beyond the end of the disk")

// read fills p from an offset. It is the only place that reads.
func (d *device) read(p []byte, off int64) error {
	if off < 0 || int64(len(p)) > d.size || off > d.size-int64(len(p)) {
		return fmt.Errorf("read %d bytes at offset %d: %w", len(p), off, errOutside)
	}
	n, err := d.r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at offset %d: %w", len(p), off, err)
}
