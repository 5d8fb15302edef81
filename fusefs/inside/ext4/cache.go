package ext4

import (
	"container/list"
	"sync"
	"sync/atomic"
)

// cached is a block of metadata. Its bytes never change.
type cached struct {
	number uint64
	data   []byte

	// proved is what the block was last checked as, so that each is checked once
	// while it is in the cache: see proof. 0 is nothing.
	proved atomic.Uint64
}

// A proof is what a block was checked as, and for which inode: checksums depend
// on it, and the same block may be claimed by many.
func proof(as uint8, ino uint64) uint64 { return ino<<8 | uint64(as) }

// What a block can be proved to be.
const (
	provedDirectory = 1 + iota
	provedHashTree
	provedExtents // and the depth is added
)

// blockCache keeps the blocks of metadata that were used last.
type blockCache struct {
	limit int // in blocks

	mu     sync.Mutex
	byID   map[uint64]*list.Element // of *cached
	recent *list.List               // most recent first
}

func newCache(blocks int) *blockCache {
	return &blockCache{limit: blocks, byID: map[uint64]*list.Element{}, recent: list.New()}
}

func (c *blockCache) get(number uint64) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byID[number]
	if !ok {
		return nil
	}
	c.recent.MoveToFront(e)
	return e.Value.(*cached)
}

// put adds a block, and returns that which another has added meanwhile.
func (c *blockCache) put(b *cached) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byID[b.number]; ok {
		return e.Value.(*cached)
	}
	c.byID[b.number] = c.recent.PushFront(b)
	for c.recent.Len() > c.limit {
		last := c.recent.Back()
		delete(c.byID, last.Value.(*cached).number)
		c.recent.Remove(last)
	}
	return b
}

// block returns a block of the file system as it is after the replay.
func (f *FS) block(number uint64) (*cached, error) {
	if b := f.cache.get(number); b != nil {
		return b, nil
	}
	b := &cached{number: number, data: make([]byte, f.bs)}
	if err := f.readBlocks(b.data, number); err != nil {
		return nil, err
	}
	return f.cache.put(b), nil
}

// readBlocks fills p, whole blocks, from a block on, as they are after the replay.
func (f *FS) readBlocks(p []byte, number uint64) error {
	return f.readWithin(p, number, 0)
}

// readWithin fills p from byte skip of a block on, across blocks.
func (f *FS) readWithin(p []byte, number uint64, skip int64) error {
	if err := f.inside(number, (skip+int64(len(p))+f.bs-1)>>f.sb.logBlock); err != nil {
		return err
	}
	number, skip = number+uint64(skip>>f.sb.logBlock), skip&(f.bs-1)
	for len(p) > 0 {
		plain := f.replaced.next(number) // blocks from here that are in their place
		if n := int64(min(plain, 1<<30))<<f.sb.logBlock - skip; n > 0 {
			n = min(n, int64(len(p)))
			if err := f.dev.Read(p[:n], int64(number)<<f.sb.logBlock+skip); err != nil {
				return err
			}
			p = p[n:]
			number, skip = number+uint64((n+skip)>>f.sb.logBlock), 0
			continue
		}
		n := min(f.bs-skip, int64(len(p)))
		if err := f.readReplaced(p[:n], number, skip); err != nil {
			return err
		}
		p = p[n:]
		number, skip = number+1, 0
	}
	return nil
}

// inside says whether blocks are in the file system.
func (f *FS) inside(number uint64, count int64) error {
	if number >= f.sb.blocks || uint64(count) > f.sb.blocks-number {
		return corrupt(blockName(number), "it is beyond the %d blocks of the file system",
			f.sb.blocks)
	}
	return nil
}
