package reading

import (
	"fmt"
	"io"
	"sync"
)

// BlockBytes is the size of the blocks that Blocks keeps.
const BlockBytes = 4096

// Blocks is a Disk, and a cache of the blocks that hold tables and directories.
type Blocks struct {
	Disk

	mu     sync.Mutex
	places []block // each block of the disk has one
}

type block struct {
	number int64
	data   []byte // nil: none; its bytes never change
}

// NewBlocks returns the first size bytes of r, of which so many bytes may be kept, BlockBytes at
// least.
func NewBlocks(r io.ReaderAt, size int64, cacheBytes int64) *Blocks {
	return &Blocks{Disk: Disk{R: r, Size: size},
		places: make([]block, max(cacheBytes/BlockBytes, 1))}
}

// Meta fills p from an offset, through the cache.
func (d *Blocks) Meta(p []byte, off int64) error {
	if off < 0 || off > d.Size-int64(len(p)) {
		return fmt.Errorf("read %d bytes at offset %d: %w", len(p), off, ErrOutside)
	}
	for len(p) > 0 {
		data, err := d.Block(off / BlockBytes)
		if err != nil {
			return err
		}
		n := copy(p, data[off%BlockBytes:])
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// Block returns a block by its number, of which the last one of the disk may be shorter. Its bytes
// must not be changed.
func (d *Blocks) Block(number int64) ([]byte, error) {
	if number < 0 || number > (d.Size-1)/BlockBytes {
		return nil, fmt.Errorf("read at offset %d: %w", number*BlockBytes, ErrOutside)
	}
	place := &d.places[number%int64(len(d.places))]
	d.mu.Lock()
	kept := *place
	d.mu.Unlock()
	if kept.data != nil && kept.number == number {
		return kept.data, nil
	}
	data := make([]byte, min(BlockBytes, d.Size-number*BlockBytes))
	if err := d.Read(data, number*BlockBytes); err != nil {
		return nil, err
	}
	d.mu.Lock()
	*place = block{number, data}
	d.mu.Unlock()
	return data, nil
}
