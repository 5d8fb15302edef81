package ntfs

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// device is the disk or partition that holds the file system, and a cache of the
// blocks that hold its tables and directories.
type device struct {
	r    io.ReaderAt
	size int64

	mu     sync.Mutex
	blocks []block // each block of the device has one place
}

type block struct {
	number int64
	data   []byte // nil: none; its bytes never change
}

const blockBytes = 4096

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
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at offset %d: %w", len(p), off, err)
}

// alive reads a byte: who reads may have given up, which nobody would notice in what takes no
// reads.
func (d *device) alive() error {
	var b [1]byte
	return d.read(b[:], 0)
}

// meta fills p from an offset, through the cache.
func (d *device) meta(p []byte, off int64) error {
	if off < 0 || off > d.size-int64(len(p)) {
		return fmt.Errorf("read %d bytes at offset %d: %w", len(p), off, errOutside)
	}
	for len(p) > 0 {
		data, err := d.block(off / blockBytes)
		if err != nil {
			return err
		}
		n := copy(p, data[off%blockBytes:])
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// block returns a block, of which the last one of the device may be shorter.
func (d *device) block(number int64) ([]byte, error) {
	if number < 0 || number > (d.size-1)/blockBytes {
		return nil, fmt.Errorf("read at offset %d: %w", number*blockBytes, errOutside)
	}
	place := &d.blocks[number%int64(len(d.blocks))]
	d.mu.Lock()
	cached := *place
	d.mu.Unlock()
	if cached.data != nil && cached.number == number {
		return cached.data, nil
	}
	data := make([]byte, min(blockBytes, d.size-number*blockBytes))
	if err := d.read(data, number*blockBytes); err != nil {
		return nil, err
	}
	d.mu.Lock()
	*place = block{number, data}
	d.mu.Unlock()
	return data, nil
}
