package seekable

import (
	"container/list"
	"context"
	"sync"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// Engine owns the memory of all decoders. It is safe for concurrent use.
type Engine struct {
	limit int64

	mu      sync.Mutex
	held    int64         // bytes that decoders hold, parked or at work
	waiting int           // readers that wait for memory
	freed   chan struct{} // closed and replaced when memory is given back
	parked  *list.List    // of *parkedDecoder, most recently used first
}

type parkedDecoder struct {
	stream.Decoder
	object *Object
	held   int64
}

// NewEngine returns an Engine whose decoders together hold at most limit bytes
// (a single decoder may always exist, whatever it needs).
func NewEngine(limit int64) *Engine {
	return &Engine{limit: limit, freed: make(chan struct{}), parked: list.New()}
}

// Close drops all parked decoders. Decoders at work are dropped when their
// readers are done.
func (e *Engine) Close() {
	e.mu.Lock()
	e.limit = 0
	victims := e.evict(0)
	e.mu.Unlock()
	closeAll(victims)
}

// reserve waits until n more bytes may be held, and counts them.
func (e *Engine) reserve(ctx context.Context, n int64) error {
	for {
		e.mu.Lock()
		victims := e.evict(n)
		ok := e.held == 0 || e.held+n <= e.limit
		freed := e.freed
		if ok {
			e.held += n
		} else {
			e.waiting++
		}
		e.mu.Unlock()
		closeAll(victims)
		if ok {
			return nil
		}
		var err error
		select {
		case <-freed:
		case <-ctx.Done():
			err = ctx.Err()
		}
		e.mu.Lock()
		e.waiting--
		e.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// release gives back n bytes.
func (e *Engine) release(n int64) {
	e.mu.Lock()
	e.releaseLocked(n)
	e.mu.Unlock()
}

func (e *Engine) releaseLocked(n int64) {
	e.held -= n
	if e.waiting > 0 {
		close(e.freed)
		e.freed = make(chan struct{})
	}
}

// evict forgets the parked decoders that were used least recently until n more
// bytes fit, and returns them to be closed outside the lock. e.mu is held.
func (e *Engine) evict(n int64) []*parkedDecoder {
	var victims []*parkedDecoder
	for e.held+n > e.limit && e.parked.Len() > 0 {
		p := e.parked.Back().Value.(*parkedDecoder)
		e.forget(e.parked.Back())
		e.releaseLocked(p.held)
		victims = append(victims, p)
	}
	return victims
}

// forget takes a parked decoder off the lists. e.mu is held.
func (e *Engine) forget(el *list.Element) {
	p := el.Value.(*parkedDecoder)
	e.parked.Remove(el)
	for i, other := range p.object.parked {
		if other == el {
			p.object.parked = append(p.object.parked[:i], p.object.parked[i+1:]...)
			return
		}
	}
}

// park keeps a decoder for the reads to come, or closes it where readers wait
// for its memory.
func (e *Engine) park(p *parkedDecoder) {
	now := p.MemoryBytes()
	e.mu.Lock()
	e.held += now - p.held
	p.held = now
	if e.waiting > 0 || e.held > e.limit {
		e.releaseLocked(now)
		e.mu.Unlock()
		p.Close()
		return
	}
	p.object.parked = append(p.object.parked, e.parked.PushFront(p))
	e.mu.Unlock()
}

// take returns the parked decoder of o that stands nearest before off and not
// before from, or nil.
func (e *Engine) take(o *Object, from, off int64) *parkedDecoder {
	e.mu.Lock()
	defer e.mu.Unlock()
	el := nearest(o, from, off)
	if el == nil {
		return nil
	}
	e.forget(el)
	return el.Value.(*parkedDecoder)
}

// nearest finds what take takes. The Engine's lock is held.
func nearest(o *Object, from, off int64) *list.Element {
	var best *list.Element
	for _, el := range o.parked {
		if at := el.Value.(*parkedDecoder).Offset(); at >= from && at <= off {
			best, from = el, at
		}
	}
	return best
}

func closeAll(ps []*parkedDecoder) {
	for _, p := range ps {
		p.Close()
	}
}
