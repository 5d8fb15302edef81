package reading

import (
	"fmt"
	"io"
	"sync"
)

// BlockBytes is the size of the blocks that Blocks keeps.
const BlockBytes = 4096

// groupBlocks are read together where a disk is read in order. They begin at a multiple of that, so
// that a group is one of Cinder's blocks of digests, which is read as a whole anyway.
const groupBlocks = 8

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
	data, before := d.kept(number)
	if data != nil {
		return data, nil
	}
	if before {
		if data := d.readGroup(number); data != nil {
			return data, nil
		}
	}
	data = make([]byte, min(BlockBytes, d.Size-number*BlockBytes))
	if err := d.Read(data, number*BlockBytes); err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.keep(number, data)
	d.mu.Unlock()
	return data, nil
}

// kept returns a block that is in the cache, or nil; before says that the one before it is.
func (d *Blocks) kept(number int64) (data []byte, before bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.place(number); p.data != nil && p.number == number {
		return p.data, true
	}
	if number == 0 {
		return nil, false
	}
	p := d.place(number - 1)
	return nil, p.data != nil && p.number == number-1
}

func (d *Blocks) place(number int64) *block { return &d.places[number%int64(len(d.places))] }

func (d *Blocks) keep(number int64, data []byte) { *d.place(number) = block{number, data} }

// readGroup reads a block and those behind it in its group, and returns the first. It returns nil
// where there are none to read together, or not all can be read: one that can is not lost for one
// behind it that cannot.
func (d *Blocks) readGroup(number int64) []byte {
	begin := number * BlockBytes
	count := min(groupBlocks-number%groupBlocks, (d.Size-begin)/BlockBytes)
	if count < 2 || int64(len(d.places)) < groupBlocks {
		return nil
	}
	all := make([]byte, count*BlockBytes)
	if d.Read(all, begin) != nil {
		return nil
	}
	pieces := make([][]byte, count)
	for i := range pieces { // each of its own, so that one which is kept keeps no others
		pieces[i] = append(make([]byte, 0, BlockBytes), all[i*BlockBytes:][:BlockBytes]...)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, data := range pieces {
		d.keep(number+int64(i), data)
	}
	return pieces[0]
}
