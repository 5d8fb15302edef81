package cache

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
)

const (
	maxWindow  = 16 << 20
	aheadBytes = 1 << 20 // loaded ahead by one call of Load
	// longer jumps start over even if they skip only a hole: looking for data costs something
	maxHole     = 1 << 30
	holeStep    = 64 << 20 // searched for data by one call of NextData
	windowShare = 8        // a window is at most 1/8 of the memory
	aheadShare  = 2        // spans loaded ahead and not read yet are at most 1/2 of it
)

// Reader reads a volume for one open file. Once the file is read in order, spans ahead of the reads
// are loaded in the background. It is safe for concurrent use.
type Reader struct {
	v *Cached

	mu     sync.Mutex
	seq    sequential
	stream *stream // the prefetch of the current streak, or nil
	closed bool
}

// NewReader returns a reader for one open file. Close ends its prefetch.
func (v *Cached) NewReader() *Reader {
	return &Reader{v: v, seq: sequential{max: min(maxWindow, v.c.mem.limit/windowShare)}}
}

// Read is Cached.Read and may start prefetch.
func (r *Reader) Read(ctx context.Context, off int64, n int) (*View, error) {
	if n > 0 && r.v.check(off, n) == nil {
		r.observe(ctx, off, int64(n))
	}
	return r.v.Read(ctx, off, n)
}

// Close cancels the prefetch of this reader and does not wait for it. Later reads are served,
// without prefetch. Closing twice is fine.
func (r *Reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.endStreak()
}

// observe tells the detector of a read and hands the range that it wants loaded
// to the workers.
func (r *Reader) observe(ctx context.Context, off, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if from, ok := r.seq.skips(off); ok && off-from <= maxHole {
		r.mu.Unlock()
		zero := r.v.isHole(ctx, from, off)
		r.mu.Lock()
		if now, ok := r.seq.skips(off); ok && now == from && zero {
			r.seq.skip(off)
		}
		if r.closed {
			return
		}
	}
	from, to, elsewhere := r.seq.observe(off, n, r.v.size)
	if elsewhere {
		r.endStreak()
	}
	if to > from && r.stream == nil {
		r.stream = r.v.newStream(from)
	}
	if r.stream != nil {
		r.v.c.ask(r.stream, r.seq.next, to)
	}
}

// isHole says whether all of [from, to) is known to be zero. It asks for little first: a reader
// that goes back and forth mostly jumps over data, of which NextData would tell where it ends.
func (v *Cached) isHole(ctx context.Context, from, to int64) bool {
	for step := int64(v.span); from < to; step = min(4*step, holeStep) {
		end := min(from+step, to)
		if start, stop, err := v.src.NextData(ctx, from, end); err != nil || start < stop {
			return false
		}
		from = end
	}
	return true
}

// endStreak ends the prefetch of the streak, if there is one. Under r.mu.
func (r *Reader) endStreak() {
	if r.stream != nil {
		r.v.c.endStream(r.stream)
		r.stream = nil
	}
}

// stream is the prefetch of one streak of one reader. Cache.mu guards the fields that change.
//
// A worker takes a stream off the ready list, claims a share of what comes next, puts the stream
// back if there is more, and loads the claim. So all workers can load ahead of one reader, in
// order, and many readers take turns. A claim is loaded piece by piece from the front: the reader
// need not wait for all of it, and the Source continues at the next piece where it stopped at the
// last. When memory runs out the stream stays off the list until its reader reads on.
type stream struct {
	v      *Cached
	ctx    context.Context
	cancel context.CancelFunc

	from, to int64 // the range that is still to be claimed
	bytes    int64 // claimed, not read since
	ready    bool  // on the ready list, or a worker is choosing what to claim next
	ended    bool
}

func (v *Cached) newStream(from int64) *stream {
	s := &stream{v: v, from: from}
	s.ctx, s.cancel = context.WithCancel(v.c.background)
	return s
}

// ask extends s up to to, if that is more, and skips what lies before next, which its reader has
// passed.
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

// prefetch is the loop of a worker: until the cache is closed, it serves the streams in turn. It
// pauses while readers wait for memory or a slot.
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
			s.to = max(s.to, min(to+zeros, s.v.size)) // zeros do not count for the window
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
				c.log.Debug("prefetch failed; the reader will load the span itself", "err", err)
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
				s.from = s.to // there may be more damage: continue only when the reader reads on
				c.finish(l, narrow, nil, 0)
			}
			for _, l := range loads[i+1:] {
				c.finish(l, again, nil, 0)
			}
			break
		}
	}
}

// load loads a claim. It turns a panic of the Source into an error, so that it fails only readers
// of those bytes.
func (s *stream) load(l *load) (err error) {
	defer func() {
		if v := recover(); v != nil {
			s.v.c.log.Error("panic: a bug of restorefs, please report it", "panic", v,
				"stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return s.v.loadSpans(s.ctx, l, l.spans)
}

// next chooses a worker's share of [from, to), the spans [first, end), and returns how many bytes
// of known zeros precede them. If all of [from, to) is zero, first lies behind it. The share is
// empty if NextData fails or no data is found within maxHole.
func (s *stream) next(from, to int64) (first, end, zeros int64) {
	v, span := s.v, int64(s.v.span)
	none := (to + span - 1) / span
	if from >= min(none*span, v.size) {
		return none, none, 0
	}
	start, stop := from, from
	for at, until := from, min(to, v.size); start >= stop; at, until = until, min(until+holeStep,
		v.size) {
		var err error
		if start, stop, err = v.src.NextData(s.ctx, at, until); err != nil ||
			at >= min(to+maxHole, v.size) {
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

// claimAhead skips the spans at the front of [first, end) that are present or being loaded, claims
// those after them up to the next such span, in loads of aheadBytes, and moves s.from past both.
// stalled: there was memory for none, or the stream has ended. Under mu.
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
