package cache

import (
	"runtime/debug"
	"sync"
)

// debugging lets tests watch a cache: it poisons buffers that are given back and records the stack
// that opened each view. It is nil outside of tests, and its methods then do nothing.
type debugging struct {
	mu    sync.Mutex
	views map[*View][]byte
	twice int
}

const poisonByte = 0xDB

func (d *debugging) poison(b []byte) {
	if d == nil {
		return
	}
	if len(b) > 0 {
		b[0] = poisonByte
		for n := 1; n < len(b); n *= 2 {
			copy(b[n:], b[:n])
		}
	}
}

func (d *debugging) opened(v *View) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.views == nil {
		d.views = make(map[*View][]byte)
	}
	d.views[v] = debug.Stack()
}

func (d *debugging) released(v *View) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.views, v)
}

func (d *debugging) releasedTwice() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.twice++
}
