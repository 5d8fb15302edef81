package lvm

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sort"
	"sync"
)

const (
	thinBlock    = 4096 // bytes of a block of metadata
	thinMagic    = 27022010
	thinSuperSum = 160774 // what the checksum of the superblock is mixed with
	thinNodeSum  = 121107 // what that of a node is
	thinNodeHead = 32
	thinInternal = 1
	thinLeaf     = 2
	thinDetails  = 24 // bytes of what is kept of a device
	thinTimeBits = 24 // of a place, below the number of the block
	thinMaxDepth = 16
	thinNodes    = 64 // in memory, of each pool
	thinVersions = 2
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errThin    = errors.New("the metadata of its pool is damaged")
)

// thinPool is a pool of thin volumes.
type thinPool struct {
	meta, data    *Volume
	chunk         int64 // bytes of a block of data
	maps, details uint64

	mu    sync.Mutex
	nodes map[uint64][]byte
}

// openThinPool reads the superblock of a pool.
func openThinPool(meta, data *Volume, chunk int64) (*thinPool, error) {
	p := &thinPool{meta: meta, data: data, chunk: chunk, nodes: map[uint64][]byte{}}
	b, err := p.block(0, thinSuperSum)
	if err != nil {
		return nil, err
	}
	switch {
	case le.Uint64(b[32:]) != thinMagic:
		return nil, fmt.Errorf("%w: it does not begin as one", errThin)
	case le.Uint32(b[40:]) == 0 || le.Uint32(b[40:]) > thinVersions:
		return nil, fmt.Errorf("its metadata has the version %d", le.Uint32(b[40:]))
	case int64(le.Uint32(b[336:]))*sectorBytes != chunk:
		return nil, fmt.Errorf("%w: it has blocks of %d sectors", errThin, le.Uint32(b[336:]))
	}
	p.maps, p.details = le.Uint64(b[320:]), le.Uint64(b[328:])
	return p, nil
}

// block reads a block of metadata, and compares it with its checksum.
func (p *thinPool) block(number uint64, mix uint32) ([]byte, error) {
	if number >= uint64(p.meta.Size/thinBlock) {
		return nil, fmt.Errorf("%w: it has no block %d", errThin, number)
	}
	b := make([]byte, thinBlock)
	if err := readWhole(p.meta, b, int64(number)*thinBlock); err != nil {
		return nil, err
	}
	if le.Uint32(b) != thinChecksum(b, mix) || le.Uint64(b[8:]) != number {
		return nil, fmt.Errorf("%w: the checksum of its block %d is wrong", errThin, number)
	}
	return b, nil
}

// thinChecksum is that of a block of metadata.
func thinChecksum(b []byte, mix uint32) uint32 { return ^crc32.Checksum(b[4:], castagnoli) ^ mix }

// device returns the tree of the blocks of a thin volume.
func (p *thinPool) device(id uint64) (root uint64, err error) {
	_, known, err := p.find(p.details, id, thinDetails)
	if err != nil {
		return 0, err
	}
	value, ok, err := p.find(p.maps, id, 8)
	if err == nil && !(ok && known) {
		err = fmt.Errorf("it has no device %d", id)
	}
	if err != nil {
		return 0, err
	}
	return le.Uint64(value), nil
}

// find returns the value of a key in a tree whose values have so many bytes.
func (p *thinPool) find(root, key uint64, size int) (value []byte, ok bool, err error) {
	for range thinMaxDepth {
		b, err := p.node(root)
		if err != nil {
			return nil, false, err
		}
		count, room, width := int(le.Uint32(b[16:])), int(le.Uint32(b[20:])), int(le.Uint32(b[24:]))
		leaf := le.Uint32(b[4:])&thinLeaf != 0
		want := 8
		if leaf {
			want = size
		}
		if width != want || room > (thinBlock-thinNodeHead)/(8+want) || count > room {
			return nil, false, fmt.Errorf("%w: a node has %d of %d values of %d bytes",
				errThin, count,
				room, width)
		}
		keyAt := func(i int) uint64 { return le.Uint64(b[thinNodeHead+8*i:]) }
		i := sort.Search(count, func(i int) bool { return keyAt(i) > key }) - 1
		if i < 0 || leaf && keyAt(i) != key {
			return nil, false, nil
		}
		value = b[thinNodeHead+8*room+width*i:][:width]
		if leaf {
			return value, true, nil
		}
		root = le.Uint64(value)
	}
	return nil, false, fmt.Errorf("%w: a tree has more than %d levels", errThin, thinMaxDepth)
}

// node reads a node of a tree, or takes it from memory.
func (p *thinPool) node(number uint64) ([]byte, error) {
	p.mu.Lock()
	b := p.nodes[number]
	p.mu.Unlock()
	if b != nil {
		return b, nil
	}
	b, err := p.block(number, thinNodeSum)
	if err != nil {
		return nil, err
	}
	if kind := le.Uint32(b[4:]) & (thinInternal | thinLeaf); kind != thinInternal &&
		kind != thinLeaf {
		return nil, fmt.Errorf("%w: its block %d is no node", errThin, number)
	}
	p.mu.Lock()
	if len(p.nodes) >= thinNodes {
		for old := range p.nodes { // any
			delete(p.nodes, old)
			break
		}
	}
	p.nodes[number] = b
	p.mu.Unlock()
	return b, nil
}

// readWhole fills b from an offset.
func readWhole(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}
