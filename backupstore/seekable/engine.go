package seekable

import (
	"container/list"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/restorefs/restorefs/backupstore/seekable/index"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
	"github.com/restorefs/restorefs/backupstore/seekable/unzstd"
)

// Options configure an Engine.
type Options struct {
	// MemoryBytes bounds what all decoders hold together. A single decoder may
	// always have 16 MiB. Reads that need more fail with a MemoryError.
	MemoryBytes int64
	// Indexes is where indexes are kept; nil: in memory, while their object is
	// in use. The Engine does not close it.
	Indexes *index.Store
	// Workers is how many cores one decoder may use that has far to go; 0: all.
	Workers int
	// NoBuild uses existing indexes and builds none: quicker for objects that are read once, from
	// front to back.
	NoBuild bool
}

// Engine owns the memory of all decoders. It is safe for concurrent use.
//
// A reader that waits for memory holds none (nor claims any, see Hold): it reserves memory before
// it has a decoder, and gives it back without waiting for anything but its own decoding.
type Engine struct {
	indexes *index.Store
	workers int
	noBuild bool
	budget  int64 // Options.MemoryBytes
	buffers buffers
	readers atomic.Int64 // reads under way
	count   counters

	mu    sync.Mutex
	limit int64 // budget less what buffers may keep, until Close
	held  int64 // bytes that decoders hold, parked or at work
	// of *decoder, most recently used first; only claimed ones while readers wait
	parked  *list.List
	waiting list.List // of *waiter, first come first served
}

// waiter waits for memory.
type waiter struct {
	n       int64
	granted chan struct{} // closed when n is counted in Engine.held
}

// decoder is a stream.Decoder with what the Engine knows of it.
type decoder struct {
	stream.Decoder
	object *Object
	held   int64         // counted in Engine.held
	place  *list.Element // in Engine.parked, nil while at work; guarded by Engine.mu
	hold   *Hold         // of the reader that parked it, nil: none; guarded by Engine.mu
	// build is told of what this decoder finds; nil for one that stays behind
	// the object's frontier.
	build *index.Builder
	// wide says that it uses several cores.
	wide bool
	// resumed says that it depends on a checkpoint of the index.
	resumed bool
	// behind says that it has come from the object's entry behind damage, and
	// not through the damage.
	behind bool
	// sinceDrop says that the index that was found had been dropped when it was
	// asked where this decoder begins.
	sinceDrop bool
}

// close gives up the decoder, and the object's build if it was its.
func (d *decoder) close() {
	if d.Decoder != nil {
		d.Close()
	}
	if d.build != nil {
		d.build.Close()
		d.object.notify()
	}
}

// NewEngine returns an Engine.
func NewEngine(o Options) *Engine {
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	spare := spareBytes(o.MemoryBytes)
	return &Engine{indexes: o.Indexes, workers: o.Workers, noBuild: o.NoBuild,
		budget: o.MemoryBytes, limit: o.MemoryBytes - spare,
		buffers: buffers{unzstd: unzstd.NewBuffers(spare)}, parked: list.New()}
}

// spare is how many cores a decoder that starts now may use, where it is not
// about an index, and what it then holds: its share of them, as many read at the
// moment. That is a guess at how it goes on.
func (e *Engine) spare(alg Algorithm) (cores int, bytes int64) {
	c, share := &codecs[alg], e.workers/int(max(e.readers.Load(), 1))
	if c.spare != nil {
		return c.spare(c, share, e.budget)
	}
	return c.widest(share, e.budget)
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

// reserve waits until n more bytes may be held, and counts them. Waiters are served in order, lest
// many small ones starve a large one.
func (e *Engine) reserve(ctx context.Context, n int64) error {
	e.mu.Lock()
	victims := e.evict(n)
	if e.waiting.Len() == 0 && e.fits(n) {
		e.held += n
		e.mu.Unlock()
		closeAll(victims)
		return nil
	}
	if h := holdOf(ctx); h != nil {
		victims = append(victims, e.giveUp(h)...)
		if e.waiting.Len() == 0 && e.fits(n) {
			e.held += n
			e.mu.Unlock()
			closeAll(victims)
			return nil
		}
	}
	w := &waiter{n, make(chan struct{})}
	el := e.waiting.PushBack(w)
	e.mu.Unlock()
	closeAll(victims)
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-w.granted: // in the meantime
		e.release(n)
	default:
		e.waiting.Remove(el)
		e.release(0) // those behind it may fit
	}
	return ctx.Err()
}

// fits reports whether n more bytes may be held. e.mu is held.
func (e *Engine) fits(n int64) bool { return e.held == 0 || e.held+n <= e.limit }

// release gives n bytes to readers that wait. e.mu is held.
func (e *Engine) release(n int64) {
	e.held -= n
	for el := e.waiting.Front(); el != nil && e.fits(el.Value.(*waiter).n); el = e.waiting.Front() {
		w := e.waiting.Remove(el).(*waiter)
		e.held += w.n
		close(w.granted)
	}
}

// drop closes a decoder that is not parked and gives back its memory.
func (e *Engine) drop(d *decoder) {
	d.close()
	collect(d.held)
	e.mu.Lock()
	e.release(d.held)
	e.mu.Unlock()
}

// evict forgets the parked decoders that were used least recently, and that no
// reader claims, until n more bytes fit, and returns them to be closed outside
// the lock. e.mu is held.
func (e *Engine) evict(n int64) []*decoder {
	var victims []*decoder
	for el := e.parked.Back(); el != nil && e.held+n > e.limit; {
		before := el.Prev()
		if !el.Value.(*decoder).claimed() {
			victims = append(victims, e.forget(el))
		}
		el = before
	}
	return victims
}

// forget takes a parked decoder, which is going to be closed, out of all
// accounts. e.mu is held.
func (e *Engine) forget(el *list.Element) *decoder {
	d := e.unpark(el)
	e.release(d.held)
	return d
}

// unpark takes a parked decoder off the lists. e.mu is held.
func (e *Engine) unpark(el *list.Element) *decoder {
	d := e.parked.Remove(el).(*decoder)
	o := d.object
	i := slices.Index(o.parked, el)
	o.parked = slices.Delete(o.parked, i, i+1)
	d.place = nil
	return d
}

// park keeps a decoder for the reads to come, or closes it where readers wait
// for its memory and the one whose context ctx is has no Hold.
func (e *Engine) park(ctx context.Context, d *decoder) {
	h := holdOf(ctx)
	now := d.MemoryBytes()
	if c := &codecs[d.object.alg]; c.grows && d.held > c.held {
		now = max(now, d.held)
	}
	e.mu.Lock()
	o := d.object
	e.held += now - d.held
	d.held = now
	if !d.wide {
		raise(o.needs.of(d.build != nil), now)
	}
	fits := e.held <= e.limit || e.held == now && e.limit > 0
	keep := (e.waiting.Len() == 0 || h != nil) && fits && !o.closed &&
		d.sinceDrop == (o.trust.index == indexDropped)
	d.hold = nil
	var victims []*decoder
	if keep {
		if h != nil {
			victims = e.claim(h, d)
		}
		d.place = e.parked.PushFront(d)
		o.parked = append(o.parked, d.place)
	}
	e.mu.Unlock()
	closeAll(victims)
	if !keep {
		e.drop(d)
	}
}

// take returns the parked decoder of o that stands nearest before off and not
// before from, or nil. Those behind damage and the others are told apart.
func (e *Engine) take(o *Object, from, off int64, behind bool) *decoder {
	e.mu.Lock()
	defer e.mu.Unlock()
	if el := nearest(o, from, off, behind); el != nil {
		return e.unpark(el)
	}
	return nil
}

// takeBuilding returns the parked decoder that builds o's index, or nil. It can
// belong to another Object that has the same index.
func (e *Engine) takeBuilding(o *Object) *decoder {
	e.mu.Lock()
	defer e.mu.Unlock()
	for el := e.parked.Front(); el != nil; el = el.Next() {
		if d := el.Value.(*decoder); d.build != nil && d.object.index == o.index {
			return e.unpark(el)
		}
	}
	return nil
}

// takeAll forgets all parked decoders of o, to be closed outside the lock. e.mu
// is held.
func (e *Engine) takeAll(o *Object) []*decoder {
	var ds []*decoder
	for len(o.parked) > 0 {
		ds = append(ds, e.forget(o.parked[0]))
	}
	return ds
}

// nearest finds what take takes. The Engine's lock is held.
func nearest(o *Object, from, off int64, behind bool) *list.Element {
	var best *list.Element
	for _, el := range o.parked {
		d := el.Value.(*decoder)
		if at := d.Offset(); d.build == nil && d.behind == behind && at >= from && at <= off {
			best, from = el, at
		}
	}
	return best
}

func closeAll(ds []*decoder) {
	most := int64(0)
	for _, d := range ds {
		d.close()
		most = max(most, d.held)
	}
	collect(most)
}
