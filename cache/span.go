package cache

import "sync/atomic"

// identity makes spans of two Volumes the same. Handles of it are compared, not strings, and nothing has to be unregistered.
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
//	private ──> (buf given back)     a damaged span of one reader, never shared: only some of its blocks are there
//
// pins counts the readers who use the span or wait for it. It leaves 0 only under Cache.mu, where eviction looks at it, and reaches 0
// anywhere; so a buffer somebody may read is never given back.
type span struct {
	key     key
	n       int    // bytes of the volume in it: all but the last of a volume are full
	buf     []byte // written by the loader, read-only once at rest
	load    *load  // nil if private
	pins    atomic.Int32
	private bool

	// Under Cache.mu:
	ahead *stream // loaded ahead for it, and not read since
	aside bool    // loaded along with others, and not read since
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
	// The order matters: whoever waits for memory sets tight first and looks at the pins then.
	if c.tight.Load() {
		c.mu.Lock()
		c.settle()
		c.mu.Unlock()
	}
}

// find returns a span at rest, now the one used last, or nil. Under Cache.mu.
func (c *Cache) find(k key) *span {
	if s, ok := c.atRest.Get(k); ok {
		return s
	}
	s, ok := c.aside.Peek(k)
	if ok {
		c.aside.Remove(k)
		c.mem.aside -= int64(len(s.buf))
		s.aside = false
		c.atRest.Add(k, s)
	}
	return s
}

// rest puts a loaded span where find and evict look. Under Cache.mu.
func (c *Cache) rest(s *span) {
	if s.aside {
		c.mem.aside += int64(len(s.buf))
		c.aside.Add(s.key, s)
		return
	}
	c.atRest.Add(s.key, s)
}

// read notes that a reader wants s: it is not just loaded ahead or along. Under Cache.mu; a span set aside was found before.
func (c *Cache) read(s *span) {
	s.aside = false
	if s.ahead != nil {
		c.forgetAhead(s)
	}
}

// forgetAhead takes s out of the account of its stream. Under Cache.mu.
func (c *Cache) forgetAhead(s *span) {
	if !s.ahead.ended {
		s.ahead.bytes -= int64(len(s.buf))
		c.mem.ahead -= int64(len(s.buf))
	}
	s.ahead = nil
}

// key is where a span is found: span number index of a volume.
type key struct {
	volume handle
	index  int64
}
