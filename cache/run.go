package cache

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
)

// run loads the spans of l for a reader, and neighbours that cost nothing more.
func (v *Cached) run(ctx context.Context, l *load) error {
	c := v.c
	if err := c.enter(ctx); err != nil {
		return err
	}
	defer c.leave()
	if l.unproven {
		right, err := v.prove(ctx, l)
		if right || err != nil {
			return err
		}
	} else if !l.alone {
		v.widen(ctx, l)
		done, err := v.loadAround(ctx, l)
		if done || err != nil {
			return err
		}
	}
	return v.loadSpans(ctx, l, l.spans)
}

// enter takes one of the slots for loads of readers.
func (c *Cache) enter(ctx context.Context) error {
	select {
	case c.slots <- struct{}{}:
		return nil
	default:
	}
	c.mu.Lock()
	c.addUrgent(1)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.addUrgent(-1)
		c.mu.Unlock()
	}()
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Cache) leave() { <-c.slots }

// widen claims the neighbours that the decoder passes over anyway, first those after l, then those
// before it, as far as memory is available without waiting. It stops at known zeros, which are not
// worth memory.
func (v *Cached) widen(ctx context.Context, l *load) {
	span := int64(v.span)
	last := l.first + int64(len(l.spans)) - 1
	from, to := v.src.Around(l.first*span, int(v.end(last)-l.first*span))
	for last+1 < v.spans() && v.end(last+1) <= to && v.claimNeighbour(ctx, l, last+1) {
		last++
		l.after++
	}
	for l.first > 0 && (l.first-1)*span >= from && v.claimNeighbour(ctx, l, l.first-1) {
		l.before++
	}
}

// spans is the number of spans of the volume.
func (v *Cached) spans() int64 { return (v.size + int64(v.span) - 1) / int64(v.span) }

// claimNeighbour adds span number index at either end of l, unless l is full, the span is zero,
// present or being loaded, or memory is short.
func (v *Cached) claimNeighbour(ctx context.Context, l *load, index int64) bool {
	if len(l.spans) >= v.most || v.isZero(ctx, index) {
		return false
	}
	c := v.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.missing(key{v.id, index}) {
		return false
	}
	b := c.take(v.span, forSpare)
	if b == nil {
		return false
	}
	s := v.newSpan(index, b)
	s.aside = true
	c.claim(l, s)
	if index < l.first { // claim appended it
		copy(l.spans[1:], l.spans)
		l.spans[0], l.first = s, index
	}
	return true
}

// missing tells whether a span is neither present nor being loaded. Under mu.
func (c *Cache) missing(k key) bool {
	return !c.atRest.Contains(k) && !c.aside.Contains(k) && c.loading[k] == nil
}

// prove tells whether the bytes of the spans of l, which are unproven, are right. An error is that
// of ctx.
func (v *Cached) prove(ctx context.Context, l *load) (right bool, err error) {
	for i, s := range l.spans {
		right, err = v.deferring.Prove(ctx, s.buf[:s.n], (l.first+int64(i))*int64(v.span))
		if !right || err != nil {
			return false, err
		}
	}
	return true, nil
}

// loadAround loads the spans of l. The proof of the neighbours is left for when somebody asks for
// them, if the Source can do that; else done is false.
func (v *Cached) loadAround(ctx context.Context, l *load) (done bool, err error) {
	if v.deferring == nil || l.before+l.after == 0 {
		return false, nil
	}
	neighbours := func(spans []*span) (ok bool, err error) {
		for _, s := range spans {
			ok, err := v.loadUnproven(ctx, s)
			if !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	}
	asked := len(l.spans) - l.after
	ok, err := neighbours(l.spans[:l.before])
	if ok && err == nil {
		err = v.loadSpans(ctx, l, l.spans[l.before:asked])
	}
	if ok && err == nil {
		ok, err = neighbours(l.spans[asked:])
	}
	if !ok || err != nil {
		return false, err
	}
	for i, s := range l.spans {
		s.unproven = i < l.before || i >= asked
	}
	return true, nil
}

// loadUnproven loads one span, if the Source can leave the proof of it for later. An error is that
// of ctx: whoever loads the span with its proof tells of any other.
func (v *Cached) loadUnproven(ctx context.Context, s *span) (ok bool, err error) {
	ok, err = v.deferring.LoadUnproven(ctx, s.buf[:s.n], s.key.index*int64(v.span))
	if err != nil {
		return false, ctx.Err()
	}
	if ok {
		v.c.count.loadedBytes.Add(uint64(s.n))
	}
	return ok, nil
}

// loadSpans loads adjacent spans of l, by one call of Load if there is a buffer for all of them.
func (v *Cached) loadSpans(ctx context.Context, l *load, spans []*span) error {
	if len(spans) > 1 {
		// One call of Load needs one contiguous buffer. Where the spans' buffers do not form one,
		// staging costs a copy, a few hundredths of the cost of decoding. In return spans can be
		// evicted one by one and all their buffers have the same length.
		if whole := v.c.inOnePiece(spans); whole != nil {
			return v.load(ctx, l, whole, spans[0].key.index)
		}
		if staging := v.c.staging(v.span, len(spans)); staging != nil {
			defer v.c.dropStaging(staging)
			n := 0
			for _, s := range spans {
				n += s.n
			}
			if err := v.load(ctx, l, staging[:n], spans[0].key.index); err != nil {
				return err
			}
			for i, s := range spans {
				copy(s.buf, staging[i*v.span:][:s.n])
			}
			return nil
		}
	}
	for _, s := range spans {
		if err := v.load(ctx, l, s.buf[:s.n], s.key.index); err != nil {
			return err
		}
	}
	return nil
}

// inOnePiece returns the buffers of spans, which are being loaded, as one contiguous buffer if they
// are adjacent in an arena, else nil. For that it sorts the buffers among the spans. A sequential
// reader usually finds them adjacent: they are taken, read and evicted in the same order.
func (c *Cache) inOnePiece(spans []*span) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	bufs := make([][]byte, len(spans))
	n := 0
	for i, s := range spans {
		bufs[i] = s.buf
		n += s.n
	}
	// A buffer's capacity reaches to the end of its arena.
	slices.SortFunc(bufs, func(a, b []byte) int { return cap(b) - cap(a) })
	for i, b := range bufs[:len(bufs)-1] {
		if cap(b) == len(b) || &b[:len(b)+1][len(b)] != &bufs[i+1][0] {
			return nil
		}
	}
	for i, s := range spans {
		s.buf = bufs[i]
	}
	return bufs[0][:n]
}

// staging returns a buffer for n spans or more, or nil. Its length is a power of two times a
// span's, so that there are few free lists.
func (c *Cache) staging(span, n int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.take(span<<bits.Len(uint(n-1)), forSpare)
}

func (c *Cache) dropStaging(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.giveBack(b)
	c.settle()
}

// load fills p from span number index on, for l, by a call of Source.Load; only blockwise.go makes
// others.
func (v *Cached) load(ctx context.Context, l *load, p []byte, index int64) error {
	origin, err := v.loadBytes(ctx, p, index*int64(v.span))
	l.origin = max(l.origin, origin)
	return err
}

// loadBytes calls Source.Load.
func (v *Cached) loadBytes(ctx context.Context, p []byte, off int64) (Origin, error) {
	n := &v.c.count
	n.loads.Add(1)
	origin := Made
	var err error
	if v.tiered == nil {
		err = v.src.Load(ctx, p, off)
	} else {
		var kept bool
		if kept, err = v.tiered.LoadKept(ctx, p, off); kept {
			origin = Kept
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return origin, ctx.Err()
		}
		n.loadErrors.Add(1)
		return origin, fmt.Errorf("load %d bytes at %d of volume %s: %w", len(p), off,
			v.id.Value().id, err)
	}
	n.loadedBytes.Add(uint64(len(p)))
	return origin, nil
}
