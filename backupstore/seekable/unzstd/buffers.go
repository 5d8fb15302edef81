package unzstd

import "sync"

// Buffers keeps the memory of closed decoders for those to come. A decoder that
// is resumed to read a little would otherwise spend most of its time on a new
// window: clearing it, the page faults, and the garbage collector after it. A
// nil *Buffers keeps nothing. It is safe for concurrent use.
type Buffers struct {
	limit int64

	mu    sync.Mutex
	free  []buffers // used last at the end
	bytes int64     // of free
}

// NewBuffers returns Buffers that keep limit bytes at most.
func NewBuffers(limit int64) *Buffers { return &Buffers{limit: limit} }

// buffers is what a Decoder borrows. Their contents are whatever was there.
type buffers struct{ window, lits, input []byte }

func (b *buffers) size() int64 { return int64(cap(b.window) + cap(b.lits) + cap(b.input)) }

func (b *Buffers) get() buffers {
	if b == nil {
		return buffers{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.free) == 0 {
		return buffers{}
	}
	last := len(b.free) - 1
	got := b.free[last]
	b.free[last] = buffers{}
	b.free = b.free[:last]
	b.bytes -= got.size()
	return got
}

// put keeps back, and rather forgets others than that.
func (b *Buffers) put(back buffers) {
	if b == nil || back.size() > b.limit {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	drop := 0
	for b.bytes+back.size() > b.limit {
		b.bytes -= b.free[drop].size()
		drop++
	}
	n := copy(b.free, b.free[drop:])
	clear(b.free[n:])
	b.free = append(b.free[:n], back)
	b.bytes += back.size()
}
