package materialize

import (
	"context"
	"sync"
	"time"
)

// Pace limits a rate by spreading bytes over time. The zero value does not
// limit. Unused capacity is not saved up. It is safe for concurrent use.
type Pace struct {
	PerSecond int64 // bytes; 0: no limit
	mu        sync.Mutex
	next      time.Time // when the next byte may be read
}

// Wait waits until n more bytes may be read.
func (p *Pace) Wait(ctx context.Context, n int64) error {
	if p.PerSecond <= 0 {
		return nil
	}
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	at := p.next
	p.next = at.Add(time.Duration(float64(n) / float64(p.PerSecond) * float64(time.Second)))
	p.mu.Unlock()
	if at.Equal(now) {
		return nil
	}
	timer := time.NewTimer(at.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
