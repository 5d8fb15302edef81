package reading

import (
	"errors"
	"fmt"
	"io"
)

// Disk is a disk or partition that holds a file system: the first Size bytes of R.
type Disk struct {
	R    io.ReaderAt
	Size int64
}

// ErrOutside is the error of reading what a disk does not have.
var ErrOutside = errors.New("it is beyond the end of the disk")

// Read fills p from an offset, or fails. It is the only place that reads.
func (d *Disk) Read(p []byte, off int64) error {
	if off < 0 || int64(len(p)) > d.Size || off > d.Size-int64(len(p)) {
		return fmt.Errorf("read %d bytes at offset %d: %w", len(p), off, ErrOutside)
	}
	n, err := d.R.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at offset %d: %w", len(p), off, err)
}

// Alive reads a byte: whoever reads may have given up, which nobody would notice in what is kept,
// or takes no reads.
func (d *Disk) Alive() error {
	var b [1]byte
	return d.Read(b[:], 0)
}
