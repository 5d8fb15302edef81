package btrfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// Methods of compression.
const (
	methodZlib     = 1
	methodLZO      = 2
	methodZstd     = 3
	maxCompression = 3
)

// readCompressed fills p from an offset within what was compressed together.
func (file *File) readCompressed(p []byte, e extent, off int64) error {
	file.mu.Lock()
	data, known := file.data, file.last.same(e)
	file.mu.Unlock()
	if !known {
		var err error
		if data, err = file.decompress(e); err != nil {
			return err
		}
		file.mu.Lock()
		file.last, file.data = e, data
		file.mu.Unlock()
	}
	if off < 0 || off > int64(len(data)) || int64(len(p)) > int64(len(data))-off {
		return corrupt(file.name(), "an extent of %d bytes has no %d at byte %d", len(data),
			len(p), off)
	}
	copy(p, data[off:])
	return nil
}

// same says whether two pieces are of what was compressed together.
func (e extent) same(o extent) bool {
	return e.compression != 0 && e.compression == o.compression && e.ram == o.ram &&
		e.logical == o.logical && e.length == o.length && e.inline == nil && o.inline == nil
}

// decompress returns what was compressed together.
func (file *File) decompress(e extent) ([]byte, error) {
	packed, sector := e.inline, int(file.f.sector)
	if packed == nil {
		packed = make([]byte, e.length)
		if err := file.readBlocks(packed, e.logical); err != nil {
			return nil, err
		}
	}
	out := make([]byte, e.ram)
	var err error
	switch e.compression {
	case methodZlib:
		err = unzlib(out, packed, sector)
	case methodLZO:
		err = unlzo(out, packed, sector)
	case methodZstd:
		err = unzstd(out, packed, sector)
	}
	if err != nil {
		return nil, corrupt(file.name(), "what is compressed at byte %d: %v", e.begin, err)
	}
	return out, nil
}

func unzlib(out, in []byte, sector int) error {
	z, err := zlib.NewReader(bytes.NewReader(in))
	if err == nil {
		err = fill(out, z, sector)
	}
	return err
}

// maxWindow bounds the memory to decompress: no frame needs more than what it becomes.
const maxWindow = maxExtent

func unzstd(out, in []byte, sector int) error {
	z, err := zstd.NewReader(bytes.NewReader(in), zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return err
	}
	defer z.Close()
	return fill(out, z, sector)
}

// fill fills out from what was compressed together. At the end of a file that is less than
// whole blocks, and the rest of the last one is zeros.
func fill(out []byte, r io.Reader, sector int) error {
	n, err := 0, error(nil)
	for n < len(out) && err == nil {
		var got int
		got, err = r.Read(out[n:])
		n += got
	}
	// What is behind a frame of zstd is zeros, and not another frame.
	if ended := err == io.EOF || errors.Is(err, zstd.ErrMagicMismatch); err != nil && !ended {
		return err
	}
	return ends(out, n, sector)
}

// ends says whether n bytes are enough for out, and clears the rest.
func ends(out []byte, n, sector int) error {
	if n <= len(out)-sector {
		return fmt.Errorf("there are %d bytes of %d", n, len(out))
	}
	clear(out[n:])
	return nil
}
