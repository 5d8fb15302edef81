package seekable

import "context"

// Hold is a reader's claim on the decoder that it used last: the decoder is not
// closed in favour of readers that wait for memory. Readers that go through
// many objects at once, in pieces, need a Hold each: with memory for fewer
// decoders than readers, each of them would otherwise begin at the start of its
// object for every piece.
//
// A reader that has to wait for memory gives up its claim first, so that
// waiting readers hold nothing and waiting ends. One that waits for another reader,
// which may wait for memory, calls LetGo for that.
type Hold struct {
	last *decoder // guarded by Engine.mu; it may be parked, at work or closed
}

type holdKey struct{}

// Hold returns a context whose reads keep their decoder from one to the next.
// They belong to one goroutine. The caller calls done after the last of them.
func (e *Engine) Hold(ctx context.Context) (held context.Context, done func()) {
	h := &Hold{}
	return context.WithValue(ctx, holdKey{}, h), func() {
		e.mu.Lock()
		victims := e.giveUp(h)
		e.mu.Unlock()
		closeAll(victims)
	}
}

// LetGo gives up what the Hold of ctx claims, if it has one: the decoder is closed
// when others wait for its memory, at once or later.
func (e *Engine) LetGo(ctx context.Context) {
	h := holdOf(ctx)
	if h == nil {
		return
	}
	var victims []*decoder
	e.mu.Lock()
	if e.waiting.Len() > 0 {
		victims = e.giveUp(h)
	}
	h.last = nil
	e.mu.Unlock()
	closeAll(victims)
}

// holdOf returns the Hold of a read, or nil.
func holdOf(ctx context.Context) *Hold {
	h, _ := ctx.Value(holdKey{}).(*Hold)
	return h
}

// claimed reports whether a reader claims d, which is parked. Engine.mu is held.
func (d *decoder) claimed() bool { return d.hold != nil && d.hold.last == d }

// claim makes d, which is being parked, the decoder that h claims, and returns
// the previous one if others wait for its memory. Engine.mu is held.
func (e *Engine) claim(h *Hold, d *decoder) (victims []*decoder) {
	if h.last != d && e.waiting.Len() > 0 {
		victims = e.giveUp(h)
	}
	d.hold, h.last = h, d
	return victims
}

// giveUp ends h's claim and forgets its decoder, to be closed outside the lock.
// Engine.mu is held.
func (e *Engine) giveUp(h *Hold) []*decoder {
	d := h.last
	h.last = nil
	if d == nil || d.hold != h || d.place == nil {
		return nil
	}
	return []*decoder{e.forget(d.place)}
}
