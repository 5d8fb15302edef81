package cache

import "sync/atomic"

// identity tells which volumes share spans: those whose identities are equal. As it is interned
// (unique), comparing it is comparing pointers, and nothing has to be unregistered.
type identity struct {
	id   string
	size int64
	span int
}

// span is one span of a volume, in one of these states:
//
//	                 load succeeded               pins fell to 0, memory was short
//	loading ──────────────────────────> at rest ──────────────────────────────────> evicted
//	   │                                                                    (buf given back)
//	   │  failed, or the loader gave up
//	   └──────────────────────────────> dead (buf given back, waiters look at load.outcome)
//
//	   │  it came along, unproven               asked for
//	   └──────────────────────────> unproven ────────────────> loading, if wrong anew
//	                                    └──> evicted
//
//	private ──> (buf given back)     a damaged span with some of its blocks, for one reader alone
//
// pins counts the readers that use the span or wait for it. It rises from 0 only under Cache.mu,
// which eviction holds too, but may fall to 0 without it; so a buffer that is still read is never
// given back.
type span struct {
	key     key
	n       int    // bytes of the volume in it: only the last span may have fewer than buf
	buf     []byte // written by the loader, read-only once at rest
	load    *load  // nil if private
	pins    atomic.Int32
	private bool

	// Under Cache.mu:
	ahead *stream // the stream it was loaded for, until it is read
	aside bool    // loaded along with others, not read since
	// unproven says that the bytes may be wrong. It is set before the load is done, and never
	// changes then.
	unproven bool
}

// unpin gives up one reader's use of s.
func (c *Cache) unpin(s *span) {
	if s.pins.Add(-1) > 0 {
		return
	}
	if s.private {
		c.mu.Lock()
		c.giveBack(s.buf)
		c.settle()
		c.mu.Unlock()
		return
	}
	// The order matters: settle sets tight first and looks at the pins afterwards.
	if c.tight.Load() {
		c.mu.Lock()
		c.settle()
		c.mu.Unlock()
	}
}

// find returns a span at rest, and makes it the most recently used one, or nil.
// Under Cache.mu.
func (c *Cache) find(k key) *span {
	if s, ok := c.atRest.Get(k); ok {
		return s
	}
	s, ok := c.aside.Peek(k)
	if !ok || s.unproven {
		return nil
	}
	c.aside.Remove(k)
	c.mem.aside -= int64(len(s.buf))
	s.aside = false
	c.atRest.Add(k, s)
	return s
}

// takeUnproven takes the buffer of an unproven span, which is no more then, or returns nil.
// Under Cache.mu.
func (c *Cache) takeUnproven(k key) []byte {
	s, ok := c.aside.Peek(k)
	if !ok || !s.unproven {
		return nil
	}
	c.aside.Remove(k)
	c.mem.aside -= int64(len(s.buf))
	return s.buf
}

// rest puts a loaded span into one of the lists that find and evict search.
// Under Cache.mu.
func (c *Cache) rest(s *span) {
	if s.aside = s.aside || s.unproven; s.aside {
		c.mem.aside += int64(len(s.buf))
		c.aside.Add(s.key, s)
		return
	}
	c.atRest.Add(s.key, s)
}

// read notes that a reader asked for s. Under Cache.mu; if s was set aside, find must have moved it
// to atRest before.
func (c *Cache) read(s *span) {
	s.aside = false
	if s.ahead != nil {
		c.forgetAhead(s)
	}
}

// forgetAhead stops counting s as loaded ahead for its stream. Under Cache.mu.
func (c *Cache) forgetAhead(s *span) {
	if !s.ahead.ended {
		s.ahead.bytes -= int64(len(s.buf))
		c.mem.ahead -= int64(len(s.buf))
	}
	s.ahead = nil
}

// key identifies a span: number index of a volume.
type key struct {
	volume handle
	index  int64
}
