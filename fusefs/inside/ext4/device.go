package ext4

import (
	"errors"
	"fmt"
	"io"
)

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

// alive reads a byte: who reads may have given up, which nobody would notice in what is cached.
func (d *device) alive() error {
	var b [1]byte
	return d.read(b[:], 0)
}
