package seekable

import (
	"container/list"
	"context"
	"runtime"
	"sync"

	"github.com/restorefs/restorefs/backupstore/seekable/bunzip2"
	"github.com/restorefs/restorefs/backupstore/seekable/index"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// Options configure an Engine.
type Options struct {
	// MemoryBytes bounds what all decoders hold together. A single decoder may
	// always exist, whatever it needs.
	MemoryBytes int64
	// Indexes is where indexes are kept; nil: in memory, while their object is
	// in use. The Engine does not close it.
	Indexes *index.Store
	// Workers is how many cores one decoder may use that has far to go; 0: all.
	Workers int
}

// Engine owns the memory of all decoders. It is safe for concurrent use.
type Engine struct {
	indexes *index.Store
	workers int
	buffers bunzip2.Buffers

	mu      sync.Mutex
	limit   int64
	held    int64         // bytes that decoders hold, parked or at work
	waiting int           // readers that wait for memory
	freed   chan struct{} // closed and replaced when memory is given back
	parked  *list.List    // of *decoder, most recently used first
}

// decoder is a stream.Decoder with what the Engine knows of it.
type decoder struct {
	stream.Decoder
	object *Object
	held   int64 // counted in Engine.held
	// build is told of what this decoder finds; nil for one that stays behind
	// the object's frontier.
	build *index.Builder
	// wide says that it uses several cores.
	wide bool
}

// close gives up the decoder, and the object's build if it was its.
func (d *decoder) close() {
	d.Close()
	if d.build != nil {
		d.build.Close()
		d.object.endBuild()
	}
}

// NewEngine returns an Engine.
func NewEngine(o Options) *Engine {
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	return &Engine{indexes: o.Indexes, workers: o.Workers, limit: o.MemoryBytes, freed: make(chan struct{}), parked: list.New()}
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

// drop closes a decoder that is not parked and gives back its memory.
func (e *Engine) drop(d *decoder) {
	d.close()
	e.mu.Lock()
	e.releaseLocked(d.held)
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
func (e *Engine) evict(n int64) []*decoder {
	var victims []*decoder
	for e.held+n > e.limit && e.parked.Len() > 0 {
		d := e.parked.Back().Value.(*decoder)
		e.forget(e.parked.Back())
		e.releaseLocked(d.held)
		victims = append(victims, d)
	}
	return victims
}

// forget takes a parked decoder off the lists. e.mu is held.
func (e *Engine) forget(el *list.Element) {
	o := e.parked.Remove(el).(*decoder).object
	for i, other := range o.parked {
		if other == el {
			o.parked = append(o.parked[:i], o.parked[i+1:]...)
			return
		}
	}
}

// park keeps a decoder for the reads to come, or closes it where readers wait
// for its memory.
func (e *Engine) park(d *decoder) {
	now := d.MemoryBytes()
	e.mu.Lock()
	e.held += now - d.held
	d.held = now
	full := e.waiting > 0 || e.held > e.limit || d.object.closed
	if !full {
		d.object.parked = append(d.object.parked, e.parked.PushFront(d))
	}
	e.mu.Unlock()
	if full {
		e.drop(d)
	}
}

// take returns the parked decoder of o that stands nearest before off and not
// before from, or nil.
func (e *Engine) take(o *Object, from, off int64) *decoder {
	e.mu.Lock()
	defer e.mu.Unlock()
	el := nearest(o, from, off)
	if el == nil {
		return nil
	}
	e.forget(el)
	return el.Value.(*decoder)
}

// takeBuilding returns o's parked decoder that builds its index, or nil.
func (e *Engine) takeBuilding(o *Object) *decoder {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, el := range o.parked {
		if d := el.Value.(*decoder); d.build != nil {
			e.forget(el)
			return d
		}
	}
	return nil
}

// nearest finds what take takes. The Engine's lock is held.
func nearest(o *Object, from, off int64) *list.Element {
	var best *list.Element
	for _, el := range o.parked {
		d := el.Value.(*decoder)
		if at := d.Offset(); d.build == nil && at >= from && at <= off {
			best, from = el, at
		}
	}
	return best
}

func closeAll(ds []*decoder) {
	for _, d := range ds {
		d.close()
	}
}
