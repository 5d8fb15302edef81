package cache

import "sync/atomic"

// View is a range of a volume, pinned in memory. Any goroutine may call its methods until Release,
// which must be called exactly once.
type View struct {
	c        *Cache
	wants    []want
	slices   [][]byte
	size     int
	released atomic.Bool

	// Most reads lie within one or two spans and need no allocation but that of the View.
	wants2  [2]want
	slices2 [2][]byte
}

// newView returns a view of n spans, to be filled in.
func (c *Cache) newView(n int) *View {
	view := &View{c: c}
	if n <= len(view.wants2) {
		view.wants = view.wants2[:n]
	} else {
		view.wants = make([]want, n)
	}
	return view
}

// show fills in the slices once all wants have their spans. From then on the view must be released.
func (view *View) show(v *Cached) {
	view.c.count.views.Add(1)
	view.c.debug.opened(view)
	view.slices = view.slices2[:0]
	if n := len(view.wants); n > len(view.slices2) {
		view.slices = make([][]byte, 0, n)
	}
	for i := range view.wants {
		w := &view.wants[i]
		view.size += w.n
		if w.span == nil {
			view.slices = view.c.appendZeros(view.slices, w.n)
			continue
		}
		from := int(w.off - w.index*int64(v.span))
		view.slices = appendJoined(view.slices, w.span.buf[from:from+w.n])
	}
	for i, s := range view.slices { // what lies behind is not the caller's
		view.slices[i] = s[:len(s):len(s)]
	}
}

// appendJoined appends p to slices, to the last of them where p follows that in memory, as the
// spans of a reader in sequence mostly do: fewer pieces are written to the kernel in less time.
func appendJoined(slices [][]byte, p []byte) [][]byte {
	if k := len(slices) - 1; k >= 0 {
		last := slices[k]
		if n := len(last); cap(last) > n && &last[:n+1][n] == &p[0] {
			slices[k] = last[:n+len(p)]
			return slices
		}
	}
	return append(slices, p)
}

// Slices returns the bytes in order, in one or more pieces, read-only and valid until Release.
func (view *View) Slices() [][]byte { return view.slices }

// Origin tells where the most expensive of the bytes came from. They may have been loaded by
// another reader or by prefetch while this reader waited.
func (view *View) Origin() Origin {
	o := Zeros
	for i := range view.wants {
		if w := &view.wants[i]; !w.zero {
			o = max(o, Memory, w.origin)
		}
	}
	return o
}

// Size is the number of bytes asked for, the sum of the lengths of Slices.
func (view *View) Size() int { return view.size }

// copyTo copies all bytes into p, which has Size bytes.
func (view *View) copyTo(p []byte) {
	for _, s := range view.slices {
		p = p[copy(p, s):]
	}
}

// Release unpins the memory. It must be called once; further calls do nothing.
func (view *View) Release() {
	if view.released.Swap(true) {
		view.c.debug.releasedTwice()
		return
	}
	view.c.count.views.Add(-1)
	view.c.debug.released(view)
	for i := range view.wants {
		if s := view.wants[i].span; s != nil {
			view.c.unpin(s)
		}
	}
}
