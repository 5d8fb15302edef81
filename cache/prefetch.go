package cache

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
)

const (
	maxWindow   = 16 << 20
	aheadBytes  = 1 << 20  // loaded by one Load of a prefetch, more where it costs nothing
	maxHole     = 1 << 30  // a jump farther than this starts over, hole or not: looking for data costs something
	holeStep    = 64 << 20 // zeros looked through at once
	windowShare = 8        // a window is at most this part of the memory
	aheadShare  = 2        // what is loaded ahead and not read yet is at most this part of it
)

// Reader reads a volume for one open file: it finds out whether the file is read in order and then has the spans ahead loaded in the
// background. It is safe for concurrent use.
type Reader struct {
	v *Volume

	mu     sync.Mutex
	seq    sequential
	stream *stream // nil until the first streak
	closed bool
}

// NewReader returns a reader that has seen no reads yet. Close ends its prefetch.
func (v *Volume) NewReader() *Reader {
	return &Reader{v: v, seq: sequential{max: min(maxWindow, v.c.mem.limit/windowShare)}}
}

// Read is Volume.Read, observed.
func (r *Reader) Read(ctx context.Context, off int64, n int) (*View, error) {
	if n > 0 && r.v.check(off, n) == nil {
		r.observe(ctx, off, int64(n))
	}
	return r.v.Read(ctx, off, n)
}

// ReadAt is Volume.ReadAt, observed.
func (r *Reader) ReadAt(ctx context.Context, p []byte, off int64) error {
	return readAt(ctx, r, p, off)
}

// Close stops the prefetch of this reader. It does not wait for it: loads under way are cancelled. Reads that come later are served
// and not observed. Closing twice is fine.
func (r *Reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.turn()
}

// observe feeds the detector and has the workers do what it says.
func (r *Reader) observe(ctx context.Context, off, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if from, ok := r.seq.skips(off); ok && off-from <= maxHole {
		r.mu.Unlock()
		start, stop, err := r.v.src.NextData(ctx, from, off)
		r.mu.Lock()
		if now, ok := r.seq.skips(off); ok && now == from && err == nil && start >= stop {
			r.seq.skip(off)
		}
		if r.closed {
			return
		}
	}
	from, to, elsewhere := r.seq.observe(off, n, r.v.size)
	if elsewhere {
		r.turn()
	}
	if to > from && r.stream == nil {
		r.stream = r.v.newStream(from)
	}
	if r.stream != nil {
		r.v.c.ask(r.stream, r.seq.next, to)
	}
}

// turn ends the stream. Under r.mu.
func (r *Reader) turn() {
	if r.stream != nil {
		r.v.c.endStream(r.stream)
		r.stream = nil
	}
}

// stream is the prefetch of one streak of one reader. Under Cache.mu but for what never changes.
//
// Workers take it off the ready list, claim their share of what comes next, put it back if there is more, and load their claim: so all
// workers can be busy ahead of one reader, in order, and many readers take turns. A claim is loaded piece by piece, front to back, so
// that the reader need not wait for all of it, and the Source need not look for a place to start at every piece. Where memory ends the
// stream is left off the list until its reader reads on.
type stream struct {
	v      *Volume
	ctx    context.Context
	cancel context.CancelFunc

	from, to int64 // still to be claimed
	bytes    int64 // claimed and not read since
	ready    bool  // on the ready list, or in the hands of a worker who chooses what comes next
	ended    bool
}

func (v *Volume) newStream(from int64) *stream {
	s := &stream{v: v, from: from}
	s.ctx, s.cancel = context.WithCancel(v.c.background)
	return s
}

// ask extends s up to to, if that is more, and leaves out what lies before next: its reader is past it.
func (c *Cache) ask(s *stream, next, to int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.from = max(s.from, next)
	s.to = max(s.to, to)
	c.enqueue(s)
}

// enqueue puts s on the ready list if it has something to do. Under mu.
func (c *Cache) enqueue(s *stream) {
	if s.from < s.to && !s.ready && !s.ended && !c.closed {
		s.ready = true
		c.ready = append(c.ready, s)
		c.work.Signal()
	}
}

// endStream stops the prefetch of s; what it loaded may be evicted like anything else.
func (c *Cache) endStream(s *stream) {
	s.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.ended {
		return
	}
	s.ended = true
	c.mem.ahead -= s.bytes
	for i, other := range c.ready {
		if other == s {
			c.ready = append(c.ready[:i], c.ready[i+1:]...)
			break
		}
	}
}

// prefetch is a worker: until the cache is closed, it loads what comes next of the streams, one after the other. It stands back while
// readers wait for memory or a slot.
func (c *Cache) prefetch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for !c.closed && (len(c.ready) == 0 || c.urgent > 0) {
			c.work.Wait()
		}
		if c.closed {
			return
		}
		s := c.ready[0]
		c.ready = c.ready[1:]
		from, to := s.from, s.to
		c.mu.Unlock()
		first, end, zeros := s.next(from, to)
		c.mu.Lock()
		if !s.ended {
			s.to = max(s.to, min(to+zeros, s.v.size)) // a window is of data
		}
		loads, stalled := c.claimAhead(s, first, end)
		s.ready = false
		if !stalled {
			c.enqueue(s)
		}
		for i, l := range loads {
			c.mu.Unlock()
			err := s.load(l)
			if err != nil && s.ctx.Err() == nil {
				c.log.Debug("prefetch failed, its reader will try", "err", err)
			}
			c.mu.Lock()
			if err == nil {
				c.count.prefetched.Add(uint64(len(l.spans)))
				c.finish(l, loaded, nil, 0)
				continue
			}
			if s.ctx.Err() != nil {
				c.finish(l, again, nil, 0)
			} else {
				s.from = s.to // where there is damage there may be more: go on when the reader does
				c.finish(l, narrow, nil, 0)
			}
			for _, l := range loads[i+1:] {
				c.finish(l, again, nil, 0)
			}
			break
		}
	}
}

// load loads a claim. A panic of the Source is an error: it is the reader's who asks for those bytes, and not the end of all.
func (s *stream) load(l *load) (err error) {
	defer func() {
		if v := recover(); v != nil {
			s.v.c.log.Error("panic: a bug of restorefs, please report it", "panic", v, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return s.v.loadSpans(s.ctx, l)
}

// next chooses the spans [first, end) to claim next of [from, to), a worker's share, and tells how many zeros precede them; the first may
// lie behind to, if all of [from, to) is zero. There are none if nobody can tell, or zeros are all there is for far.
func (s *stream) next(from, to int64) (first, end, zeros int64) {
	v, span := s.v, int64(s.v.span)
	none := (to + span - 1) / span
	if from >= min(none*span, v.size) {
		return none, none, 0
	}
	start, stop := from, from
	for at, until := from, min(to, v.size); start >= stop; at, until = until, min(until+holeStep, v.size) {
		var err error
		if start, stop, err = v.src.NextData(s.ctx, at, until); err != nil || at >= min(to+maxHole, v.size) {
			return none, none, 0
		}
	}
	first, zeros = start/span, start-from
	to = min((to+zeros+span-1)/span*span, v.size)
	share := max(aheadBytes, (to-first*span)/int64(v.c.prefetchers))
	_, past := v.src.Around(first*span, int(min(share, v.size-first*span)))
	if past < v.size {
		past = past / span * span
	}
	past = max(min(past, stop), first*span+1)
	return first, min((past+span-1)/span, first+int64(v.most)), zeros
}

// claimAhead claims the spans of [first, end) up to the first that somebody has, but for such at the front, in loads of aheadBytes, and
// moves s.from past them. It is stalled if there was no memory for any. Under mu.
func (c *Cache) claimAhead(s *stream, first, end int64) (loads []*load, stalled bool) {
	v := s.v
	if s.ended || c.closed {
		return nil, true
	}
	i := first
	for i < end && !c.missing(key{v.id, i}) {
		i++
	}
	for i < end && c.missing(key{v.id, i}) {
		if c.mem.ahead+int64(v.span) > c.mem.limit/aheadShare {
			break
		}
		b := c.take(v.span, forSpare)
		if b == nil {
			break
		}
		if n := len(loads); n == 0 || len(loads[n-1].spans)*v.span >= aheadBytes {
			loads = append(loads, newLoad(i))
		}
		sp := v.newSpan(i, b)
		sp.ahead = s
		s.bytes += int64(v.span)
		c.mem.ahead += int64(v.span)
		c.claim(loads[len(loads)-1], sp)
		i++
	}
	s.from = max(s.from, i*int64(v.span))
	return loads, loads == nil && i < end
}
