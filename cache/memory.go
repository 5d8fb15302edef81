package cache

import (
	"context"
	"slices"
	"unique"

	"golang.org/x/sys/unix"
)

type handle = unique.Handle[identity]

// memory is the account of all buffers. Guarded by Cache.mu.
//
// Invariant: used+spare <= limit, unless one reader alone needs more.
type memory struct {
	limit int64
	used  int64            // handed out: spans at rest and loading, staging, stashes
	spare int64            // on the free lists
	ahead int64            // of used: spans of live streams loaded ahead and not yet read
	aside int64            // of used: spans set aside
	free  map[int][][]byte // by length
	queue []*applicant     // readers who wait, first come first served
}

// rank is on whose behalf memory is taken.
type rank int

const (
	forReader rank = iota // takes from everybody
	forSpare              // prefetch, neighbours, staging: spares what was loaded ahead, gives way to readers who wait
)

// stash is the buffers of one reader's request that are not part of a span, all of one span's length.
type stash [][]byte

func (s *stash) pop() []byte {
	last := len(*s) - 1
	b := (*s)[last]
	*s = (*s)[:last]
	return b
}

// take returns a buffer of size bytes, evicting what the rank permits; nil if there is none to be had without waiting.
// Under Cache.mu.
func (c *Cache) take(size int, r rank) []byte {
	m := &c.mem
	if len(m.queue) > 0 || c.closed {
		return nil
	}
	// Evicting a span yields a buffer like those that spans are loaded into: better than dropping free buffers of another length, which
	// would be missed by the next load.
	for len(m.free[size]) == 0 && m.used+m.spare+int64(size) > m.limit {
		evicted := c.evict(r)
		if m.used+int64(size) <= m.limit {
			break
		}
		if !evicted {
			return nil
		}
	}
	return c.handOut(size)
}

// handOut returns a buffer of size bytes, which are known to fit. Under Cache.mu.
func (c *Cache) handOut(size int) []byte {
	m := &c.mem
	m.used += int64(size)
	if list := m.free[size]; len(list) > 0 {
		b := list[len(list)-1]
		list[len(list)-1] = nil
		m.free[size] = list[:len(list)-1]
		m.spare -= int64(size)
		return b
	}
	if size == c.spanBytes && m.used+m.spare+chunkBytes <= m.limit {
		chunk := newChunk()
		first := chunk[:size]
		var rest [][]byte
		for chunk = chunk[size:]; len(chunk) >= size; chunk = chunk[size:] {
			rest = append(rest, chunk[:size]) // with all behind it as its capacity: see inOnePiece
		}
		slices.Reverse(rest) // the list is taken from its end
		m.free[size] = append(m.free[size], rest...)
		m.spare += int64(len(rest) * size)
		return first
	}
	c.trim()
	// The pages of large buffers come zeroed from the system, mostly: this is quick enough under the lock, and happens while the cache
	// fills up, not later.
	return make([]byte, size)
}

// chunkBytes of buffers are made at once while the cache fills up, so that they can lie in huge pages. What faulting in a span in small
// pages takes is a quarter of what decoding it does, and FUSE looks up every page that it copies from. A chunk returns to the garbage
// collector when all of its buffers have; but buffers of the usual length are hardly ever dropped.
const chunkBytes = 4 << 20

func newChunk() []byte {
	chunk := make([]byte, chunkBytes)
	_ = unix.Madvise(chunk, unix.MADV_HUGEPAGE) // where the system has none, small pages do
	return chunk
}

// trim leaves free buffers to the garbage collector until the invariant holds. Under Cache.mu.
func (c *Cache) trim() {
	m := &c.mem
	for size, list := range m.free {
		for len(list) > 0 && m.used+m.spare > m.limit {
			list[len(list)-1] = nil
			list = list[:len(list)-1]
			m.spare -= int64(size)
		}
		m.free[size] = list
		if len(list) == 0 {
			delete(m.free, size)
		}
	}
}

// giveBack takes a buffer back that nobody reads any more. Under Cache.mu; callers call settle when they are done.
func (c *Cache) giveBack(b []byte) {
	m := &c.mem
	c.debug.poison(b)
	m.used -= int64(len(b))
	if c.closed || m.used+m.spare+int64(len(b)) > m.limit {
		return
	}
	m.free[len(b)] = append(m.free[len(b)], b)
	m.spare += int64(len(b))
}

// asideShare is the part of the memory that neighbours nobody asked for may hold against spans that somebody did.
const asideShare = 4

// evict drops one span that nobody pins: of those at rest the one not used for longest, unless too many were set aside. So a reader
// here and there, whose every miss brings neighbours along, does not sweep out what others use. Under Cache.mu.
func (c *Cache) evict(r rank) bool {
	if c.mem.aside > c.mem.limit/asideShare && c.evictAside() {
		return true
	}
	for range c.atRest.Len() {
		k, s, _ := c.atRest.GetOldest()
		if s.pins.Load() > 0 || r == forSpare && s.ahead != nil && !s.ahead.ended {
			c.atRest.Get(k) // in use, or about to be: that is recent. On to the next.
			continue
		}
		c.atRest.Remove(k)
		if s.ahead != nil {
			c.count.prefetchWasted.Add(1)
			c.forgetAhead(s)
		}
		c.count.evictions.Add(1)
		c.giveBack(s.buf)
		return true
	}
	return c.evictAside()
}

// evictAside drops the oldest of the spans set aside. Under Cache.mu.
func (c *Cache) evictAside() bool {
	_, s, ok := c.aside.RemoveOldest()
	if ok {
		c.count.evictions.Add(1)
		c.mem.aside -= int64(len(s.buf))
		c.giveBack(s.buf)
	}
	return ok
}

// applicant is a reader in the queue for memory. It holds no other.
type applicant struct {
	size, count int
	granted     chan struct{} // closed when bufs is there, or the cache is closed
	bufs        stash
}

// apply queues for count buffers of size bytes. Under Cache.mu.
func (c *Cache) apply(size, count int) *applicant {
	c.count.memoryWait.Add(1)
	a := &applicant{size: size, count: count, granted: make(chan struct{})}
	c.mem.queue = append(c.mem.queue, a)
	c.hurry(1)
	c.settle()
	return a
}

// await waits until a is served or ctx ends.
func (c *Cache) await(ctx context.Context, a *applicant) (stash, error) {
	select {
	case <-a.granted:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hurry(-1)
	if err := ctx.Err(); err != nil {
		for i, other := range c.mem.queue {
			if other == a {
				c.mem.queue = append(c.mem.queue[:i], c.mem.queue[i+1:]...)
				break
			}
		}
		c.giveBackAll(&a.bufs)
		return nil, err
	}
	if a.bufs == nil {
		return nil, ErrClosed
	}
	return a.bufs, nil
}

// giveBackAll empties s. Under Cache.mu.
func (c *Cache) giveBackAll(s *stash) {
	for _, b := range *s {
		c.giveBack(b)
	}
	*s = nil
	c.settle()
}

// settle serves the queue as far as memory goes and brings the cache back within its limit. It must run after whatever may free
// memory: pins that fell to 0 while tight is set, buffers given back, spans come to rest. Under Cache.mu.
func (c *Cache) settle() {
	m := &c.mem
	if !c.closed && len(m.queue) == 0 && m.used <= m.limit {
		c.tight.Store(false)
		return
	}
	c.tight.Store(true) // before evict looks at pins: see unpin
	if c.closed {
		for c.evict(forReader) {
		}
		for _, a := range m.queue {
			close(a.granted)
		}
		m.queue = nil
		clear(m.free)
		m.spare = 0
		return
	}
	for len(m.queue) > 0 {
		a := m.queue[0]
		need := int64(a.size) * int64(a.count)
		for m.used+need > m.limit && c.evict(forReader) {
		}
		if m.used+need > m.limit && m.used > 0 {
			return
		}
		for range a.count {
			a.bufs = append(a.bufs, c.handOut(a.size))
		}
		m.queue = m.queue[1:]
		close(a.granted)
	}
	for m.used > m.limit && c.evict(forReader) {
	}
	c.tight.Store(m.used > m.limit)
}

// hurry notes that d more readers wait, for memory or a slot. Under Cache.mu.
func (c *Cache) hurry(d int) {
	c.urgent += d
	if c.urgent == 0 {
		c.work.Broadcast()
	}
}
