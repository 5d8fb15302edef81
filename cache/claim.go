package cache

// claim pins the spans at rest, joins the loads of others, and claims the remaining spans; false if
// there is no memory for those. Only the first claim of a request counts as hits and misses.
func (r *request) claim(first bool) (bool, error) {
	v, c := r.v, r.v.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false, ErrClosed
	}
	missing, hits, misses := 0, 0, 0
	for i := range r.wants {
		w := &r.wants[i]
		if w.zero || w.span != nil {
			continue
		}
		k := key{v.id, w.index}
		if s := c.find(k); s != nil {
			s.pins.Add(1)
			c.read(s)
			w.span, w.failed = s, nil
			hits++
			continue
		}
		if w.failed == nil {
			if w.bytes = c.takeUnproven(k); w.bytes != nil {
				hits++
				continue
			}
		}
		misses++
		if s, ok := c.loading[k]; ok && w.failed == nil {
			s.pins.Add(1)
			c.read(s)
			w.span, w.load = s, s.load
			s.load.waiters++
			continue
		}
		missing++
	}
	if first {
		c.count.hits.Add(uint64(hits))
		c.count.misses.Add(uint64(misses))
	}
	for len(r.stash) < missing {
		b := c.take(v.span, forReader)
		if b == nil {
			r.keepBytes()
			return false, nil
		}
		r.stash = append(r.stash, b)
	}
	for i := range r.wants {
		if w := &r.wants[i]; !w.zero && w.span == nil {
			r.claimSpan(w)
		}
	}
	return true, nil
}

// keepBytes makes what was unproven part of the stash. Under mu.
func (r *request) keepBytes() {
	for i := range r.wants {
		if w := &r.wants[i]; w.bytes != nil {
			r.stash, w.bytes = append(r.stash, w.bytes), nil
		}
	}
}

// claimSpan gives w a span to be loaded, by itself or with the one before it. Under mu.
func (r *request) claimSpan(w *want) {
	v, unproven := r.v, w.bytes != nil
	if !unproven {
		w.bytes = r.stash.pop()
	}
	w.span = v.newSpan(w.index, w.bytes)
	w.bytes = nil
	w.span.pins.Store(1)
	if w.failed != nil {
		w.span.private = true
		return
	}
	var last *load
	if n := len(r.claims); n > 0 {
		last = r.claims[n-1]
	}
	if last == nil || last.alone || w.alone || last.unproven != unproven ||
		last.first+int64(len(last.spans)) != w.index || len(last.spans) == v.most {
		last = newLoad(w.index)
		last.alone, last.unproven = w.alone, unproven
		r.claims = append(r.claims, last)
	}
	v.c.claim(last, w.span)
}

// newSpan returns span number index, to be loaded into buf.
func (v *Cached) newSpan(index int64, buf []byte) *span {
	return &span{key: key{v.id, index}, n: int(v.end(index) - index*int64(v.span)), buf: buf}
}

// newLoad returns a load without spans.
func newLoad(first int64) *load {
	return &load{first: first, done: make(chan struct{})}
}

// claim adds the next span to l. Under mu.
func (c *Cache) claim(l *load, s *span) {
	s.load = l
	l.spans = append(l.spans, s)
	c.loading[s.key] = s
}
