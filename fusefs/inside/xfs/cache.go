package xfs

import (
	"container/list"
	"sync"
	"sync/atomic"
)

// cached is metadata of one or more blocks that follow each other. Its bytes
// never change.
type cached struct {
	key  cacheKey
	data []byte

	replaced bool // the log replaces something of it: see device.replaced

	// proved is what it was last checked as, so that it is checked once while it
	// is in the cache: see proof. 0 is nothing.
	proved atomic.Uint64
}

type cacheKey struct {
	block uint64
	count int // of blocks
}

// A proof is what a block was checked as, and for which inode: the same block
// may be claimed by many.
func proof(as uint8, ino uint64) uint64 { return ino<<8 | uint64(as) }

// What a block can be proved to be.
const (
	provedNames = 1 + iota
	provedHashes
	provedAttrs
	provedExtents // and the level is added
)

// blockCache keeps the metadata that was used last.
type blockCache struct {
	limit int // in bytes

	mu     sync.Mutex
	bytes  int
	byKey  map[cacheKey]*list.Element // of *cached
	recent *list.List                 // most recent first
}

func newCache(bytes int) *blockCache {
	return &blockCache{limit: bytes, byKey: map[cacheKey]*list.Element{}, recent: list.New()}
}

func (c *blockCache) get(key cacheKey) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
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
	if e, ok := c.byKey[b.key]; ok {
		return e.Value.(*cached)
	}
	c.byKey[b.key] = c.recent.PushFront(b)
	c.bytes += len(b.data)
	for c.bytes > c.limit && c.recent.Len() > 1 {
		last := c.recent.Remove(c.recent.Back()).(*cached)
		delete(c.byKey, last.key)
		c.bytes -= len(last.data)
	}
	return b
}

// block returns a block of the file system.
func (f *FS) block(number uint64) (*cached, error) { return f.blocks(number, 1) }

// blocks returns blocks that follow each other, of up to 64 KiB.
func (f *FS) blocks(number uint64, count int) (*cached, error) {
	key := cacheKey{number, count}
	if b := f.cache.get(key); b != nil {
		return b, nil
	}
	b := &cached{key: key, data: make([]byte, count<<f.sb.logBlock)}
	if err := f.readBlocks(b.data, number, 0); err != nil {
		return nil, err
	}
	b.replaced = f.replaced(number, len(b.data))
	return f.cache.put(b), nil
}

// replaced says whether the log replaces something of the bytes from a block on.
func (f *FS) replaced(number uint64, n int) bool {
	return f.dev.replaced(int64(number)<<f.sb.logBlock, int64(n))
}

// readBlocks fills p from byte skip of a block on, across blocks.
func (f *FS) readBlocks(p []byte, number uint64, skip int64) error {
	if err := f.inside(number, uint64(skip+int64(len(p))+f.bs-1)>>f.sb.logBlock); err != nil {
		return err
	}
	return f.dev.read(p, int64(number)<<f.sb.logBlock+skip)
}

// inside says whether blocks are in the file system.
func (f *FS) inside(number, count uint64) error {
	if number >= f.sb.blocks || count > f.sb.blocks-number {
		return corrupt(blockName(number), "it is beyond the %d blocks of the file system",
			f.sb.blocks)
	}
	return nil
}

// linear turns the number that XFS gives to a block into one without gaps. It
// checks that so many blocks from it on are in one group.
func (f *FS) linear(number, count uint64) (uint64, error) {
	sb := f.sb
	group, at := number>>sb.logGroup, number&(1<<sb.logGroup-1)
	if group >= uint64(sb.groups) || at >= sb.groupLen(group) || count > sb.groupLen(group)-at {
		return 0, corrupt("block "+groupBlock(group, at),
			"%d blocks from there on are beyond the file system", count)
	}
	return group*uint64(sb.groupBlocks) + at, nil
}
