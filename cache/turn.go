package cache

import (
	"context"
)

// want is the part of a read that lies in one span, and how far the read has got with it.
type want struct {
	index int64 // of the span in its volume
	off   int64 // where in the volume the bytes to be read begin
	n     int   // how many they are

	// How far the read has got:
	span   *span  // pinned: at rest, claimed by this reader or by another one, or private
	bytes  []byte // of a span that was unproven, until this reader claims it
	load   *load  // not nil: another reader loads the span, wait for that
	zero   bool   // known to be zero, no span needed
	alone  bool   // a run with this span failed: claim it by itself
	failed error  // the span alone failed too: load only the blocks asked for
	origin Origin
}

// load is one claim: adjacent spans that one goroutine, the loader, loads. All other readers of
// these spans wait.
//
// Each miss has one loader, and readers take turns: the loader is a reader that loads in its own
// goroutine with its own context. If that context ends, the load ends with the outcome again and
// all waiting readers wake up; the first to take the lock claims the spans it wants and becomes the
// loader, the others wait for that one. The Source keeps its decoders, so the next loader continues
// where the last one stopped. Cancelled readers leave, so there is no livelock however many are
// interrupted.
type load struct {
	first int64   // index of spans[0]
	spans []*span // ascending; grows until loading begins, by the loader alone
	alone bool    // no neighbours
	// unproven says that the bytes of all spans are there already and may be wrong.
	unproven bool
	// before and after are how many of the spans, at either end, are neighbours of what was asked
	// for.
	before, after int
	waiters       int // readers that ever waited for it, under Cache.mu

	done    chan struct{} // closed once outcome, err and origin are set
	outcome outcome
	err     error  // with outcome failed
	origin  Origin // with outcome loaded
}

// outcome is how a load ended.
type outcome int

const (
	loaded outcome = iota // the spans are at rest, pinned by all that waited
	// the loader gave up; nothing is known of the bytes: readers that still want them claim them
	again
	// a run failed as a whole: readers claim the spans they want one at a time
	narrow
	failed // a span that was loaded alone failed, with load.err
)

// hit is the hot path: it pins all wanted spans if all are at rest. Otherwise it pins none.
func (v *Cached) hit(wants []want) bool {
	c := v.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	for i := range wants {
		s := c.find(key{v.id, wants[i].index})
		if s == nil {
			for j := range wants[:i] {
				wants[j].span.pins.Add(-1) // mu was held throughout: nobody saw these pins
				wants[j].span = nil
			}
			return false
		}
		s.pins.Add(1)
		wants[i].span = s
	}
	for i := range wants {
		c.read(wants[i].span)
	}
	c.count.hits.Add(uint64(len(wants)))
	return true
}

// request is a Read that missed. Only the goroutine of the Read uses it.
type request struct {
	v      *Cached
	wants  []want
	stash  stash   // buffers taken for wants that have no span
	claims []*load // this reader's claims that are not finished
}

// fetch gives each want its span, or returns an error and leaves nothing pinned.
//
// It repeats until nothing is missing: claim the spans that nobody loads, load them, then wait for
// those that others load. A reader that waits for another's load has finished or given up its own
// claims, and one that waits for memory holds nothing at all; so neither can be part of a deadlock.
func (v *Cached) fetch(ctx context.Context, wants []want) error {
	r := &request{v: v, wants: wants}
	complete := false
	defer func() { // also when the Source panics, so that no reader waits for a dead loader
		r.end()
		if !complete {
			r.letGo()
		}
	}()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := v.markZeros(ctx, wants); err != nil {
		return err
	}
	for first := true; !complete; first = false {
		ok, err := r.claim(first)
		if err != nil {
			return err
		}
		if !ok {
			if err := r.queue(ctx); err != nil {
				return err
			}
			continue
		}
		if err := r.loadBlockwise(ctx); err != nil {
			return err
		}
		if err := r.load(ctx); err != nil {
			return err
		}
		if err := r.wait(ctx); err != nil {
			return err
		}
		complete = r.complete()
	}
	return nil
}

// queue gives up all that the request holds and waits for the memory of the whole request.
func (r *request) queue(ctx context.Context) error {
	r.letGo()
	count := 0
	for i := range r.wants {
		if !r.wants[i].zero {
			count++
		}
	}
	c := r.v.c
	c.mu.Lock()
	c.giveBackAll(&r.stash)
	a := c.apply(r.v.span, count)
	c.mu.Unlock()
	var err error
	r.stash, err = c.await(ctx, a)
	return err
}

// load runs the claims. Claims that it does not finish are given up by fetch.
func (r *request) load(ctx context.Context) error {
	for len(r.claims) > 0 {
		l := r.claims[0]
		err := r.v.run(ctx, l)
		switch {
		case err == nil:
			r.finish(loaded, nil)
		case ctx.Err() != nil:
			return ctx.Err()
		case len(l.spans) > 1:
			r.finish(narrow, nil)
		default:
			w := r.finish(failed, err)
			if err := r.v.refuse(w, err); err != nil {
				return err
			}
			// First see whether the blocks asked for in this span are good: give up the other
			// claims.
			for len(r.claims) > 0 {
				r.finish(again, nil)
			}
		}
	}
	return nil
}

// finish ends the first of the claims. Unless that was loaded, its wants lose their spans, and the
// last of them is returned.
func (r *request) finish(o outcome, err error) (open *want) {
	l := r.claims[0]
	r.claims = r.claims[1:]
	keep := 0
	for i := range r.wants {
		w := &r.wants[i]
		if at := w.index - l.first; at >= 0 && at < int64(len(l.spans)) && w.span == l.spans[at] {
			w.origin = l.origin
			if o != loaded {
				w.span = nil
				w.alone = w.alone || o == narrow
				keep++
				open = w
			}
		}
	}
	c := r.v.c
	c.mu.Lock()
	defer c.mu.Unlock()
	r.stash = append(r.stash, c.finish(l, o, err, keep)...)
	return open
}

// finish ends l. Its spans come to rest or, unless they were loaded, are dead: the buffers of the
// first keep are returned, the others given back. Under mu.
func (c *Cache) finish(l *load, o outcome, err error, keep int) (kept stash) {
	for _, s := range l.spans {
		delete(c.loading, s.key)
		s.load = nil
		if o == loaded {
			c.rest(s)
			continue
		}
		if s.ahead != nil {
			c.forgetAhead(s)
		}
		if keep > 0 {
			keep--
			kept = append(kept, s.buf)
		} else {
			c.giveBack(s.buf)
		}
		s.buf = nil
	}
	if o == again && l.waiters > 0 {
		c.count.turns.Add(1)
	}
	l.outcome, l.err = o, err
	close(l.done)
	c.settle()
	return kept
}

// wait waits for the loads of others that the request joined.
func (r *request) wait(ctx context.Context) error {
	for i := range r.wants {
		w := &r.wants[i]
		if w.load == nil {
			continue
		}
		select {
		case <-w.load.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		l := w.load
		w.load = nil
		if l.outcome == loaded && !w.span.unproven {
			w.origin = l.origin
			continue
		}
		w.span.pins.Add(-1) // the span is dead, or unproven: then this reader has it proven
		w.span = nil
		w.alone = w.alone || l.outcome == narrow
		if l.outcome == failed {
			if err := r.v.refuse(w, l.err); err != nil {
				return err
			}
		}
	}
	return nil
}

// complete tells whether every want is zero or has its span.
func (r *request) complete() bool {
	for i := range r.wants {
		if w := &r.wants[i]; !w.zero && w.span == nil {
			return false
		}
	}
	return true
}

// letGo unpins everything.
func (r *request) letGo() {
	for i := range r.wants {
		w := &r.wants[i]
		if w.span != nil {
			r.v.c.unpin(w.span)
		}
		w.span, w.load = nil, nil
	}
}

// end gives up the claims and the buffers that are left over.
func (r *request) end() {
	for len(r.claims) > 0 {
		r.finish(again, nil)
	}
	c := r.v.c
	c.mu.Lock()
	c.giveBackAll(&r.stash)
	c.mu.Unlock()
}
