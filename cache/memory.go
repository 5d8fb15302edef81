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
	aside int64            // of used: spans set aside, which no reader has asked for
	free  map[int][][]byte // free lists, by length of the buffers
	queue []*applicant     // readers that wait, first come first served
}

// rank is on whose behalf memory is taken.
type rank int

const (
	forReader rank = iota // takes from everybody
	// prefetch, neighbours, staging: spares what was loaded ahead, gives way to waiting readers
	forSpare
)

// stash holds the buffers of one reader's request that are not part of a span, each as long as a
// span.
type stash [][]byte

func (s *stash) pop() []byte {
	last := len(*s) - 1
	b := (*s)[last]
	*s = (*s)[:last]
	return b
}

// take returns a buffer of size bytes, evicting what the rank permits, or nil if the reader would
// have to wait for one. Under Cache.mu.
func (c *Cache) take(size int, r rank) []byte {
	m := &c.mem
	if len(m.queue) > 0 || c.closed {
		return nil
	}
	// Evicting a span yields a buffer of the length that loads need. Dropping free buffers of
	// another length instead would leave the next load of that length without one.
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
	if size == c.spanBytes && m.used+m.spare+arenaBytes <= m.limit {
		arena := newArena()
		first := arena[:size]
		var rest [][]byte
		for arena = arena[size:]; len(arena) >= size; arena = arena[size:] {
			rest = append(rest, arena[:size]) // its capacity is all that follows: see inOnePiece
		}
		slices.Reverse(rest) // the list is taken from its end
		m.free[size] = append(m.free[size], rest...)
		m.spare += int64(len(rest) * size)
		return first
	}
	c.trim()
	// Allocating under the lock is quick enough: large buffers mostly come zeroed from the system,
	// and this happens only while the cache fills up.
	return make([]byte, size)
}

// arenaBytes is how much is allocated at once while the cache fills up, for several buffers, so
// that they can lie in huge pages: faulting in a span in small pages costs a quarter of decoding
// it, and FUSE looks up every page that it copies from. The garbage collector frees an arena once
// all its buffers were dropped; buffers of the usual length hardly ever are.
const arenaBytes = 4 << 20

func newArena() []byte {
	arena := make([]byte, arenaBytes)
	_ = unix.Madvise(arena, unix.MADV_HUGEPAGE) // without huge pages, small ones do
	return arena
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

// giveBack takes back a buffer that is no longer read. Under Cache.mu; the caller must call settle
// afterwards.
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

// asideShare is the fraction of the memory, 1 in asideShare, that neighbours set aside may keep
// while spans that readers asked for are evicted.
const asideShare = 4

// evict drops one span that is not pinned: the least recently used one at rest or, if too many were
// set aside, the oldest of those. So a random reader, whose every miss brings neighbours along,
// does not sweep out what others use. It returns false if there is no such span. Under Cache.mu.
func (c *Cache) evict(r rank) bool {
	if c.mem.aside > c.mem.limit/asideShare && c.evictAside() {
		return true
	}
	for range c.atRest.Len() {
		k, s, _ := c.atRest.GetOldest()
		if s.pins.Load() > 0 || r == forSpare && s.ahead != nil && !s.ahead.ended {
			c.atRest.Get(k) // in use, or soon to be: makes it the most recent. On to the next.
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

// applicant is a reader in the queue for memory. It holds no memory meanwhile.
type applicant struct {
	size, count int
	granted     chan struct{} // closed once bufs is filled or the cache is closed
	bufs        stash
}

// apply queues for count buffers of size bytes. Under Cache.mu.
func (c *Cache) apply(size, count int) *applicant {
	c.count.memoryWait.Add(1)
	a := &applicant{size: size, count: count, granted: make(chan struct{})}
	c.mem.queue = append(c.mem.queue, a)
	c.addUrgent(1)
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
	c.addUrgent(-1)
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

// giveBackAll gives back all buffers of s. Under Cache.mu.
func (c *Cache) giveBackAll(s *stash) {
	for _, b := range *s {
		c.giveBack(b)
	}
	*s = nil
	c.settle()
}

// settle serves the queue as far as memory goes and brings the cache back within its limit. It must
// run after everything that may free memory: pins that fell to 0 while tight is set, buffers given
// back, spans that came to rest. Under Cache.mu.
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

// addUrgent notes that d more readers (fewer, if negative) wait for memory or a
// slot. Under Cache.mu.
func (c *Cache) addUrgent(d int) {
	c.urgent += d
	if c.urgent == 0 {
		c.work.Broadcast()
	}
}
