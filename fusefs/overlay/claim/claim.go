// Package claim keeps goroutines that change overlapping ranges out of each other's way, without a
// lock that is held across I/O.
package claim

import (
	"context"
	"sync"
)

// Ranges is the set of ranges that are being changed: a goroutine that wants to
// change an overlapping one waits. The zero value is empty. It is safe for concurrent use.
type Ranges struct {
	mu      sync.Mutex
	held    map[*held]struct{}
	changed chan struct{} // closed at the next release; nil: no goroutine waits
}

type held struct{ off, end int64 }

// Claim claims [off, end) until release is called. It waits, until ctx ends, while another range is
// claimed that overlaps.
func (r *Ranges) Claim(ctx context.Context, off, end int64) (release func(), err error) {
	h := &held{off, end}
	for {
		wait := r.try(h)
		if wait == nil {
			return func() { r.release(h) }, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (r *Ranges) try(h *held) (wait <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for other := range r.held {
		if other.off < h.end && h.off < other.end {
			if r.changed == nil {
				r.changed = make(chan struct{})
			}
			return r.changed
		}
	}
	if r.held == nil {
		r.held = map[*held]struct{}{}
	}
	r.held[h] = struct{}{}
	return nil
}

func (r *Ranges) release(h *held) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, h)
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}
