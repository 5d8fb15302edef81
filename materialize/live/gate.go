package live

import (
	"context"
	"sync/atomic"
	"time"
)

// gate lets the guest go first: what is copied waits while the guest has requests, for a while.
type gate struct {
	most   time.Duration // that a piece waits
	inside atomic.Int64  // requests of the guest
	last   atomic.Int64  // when the last one came in, nanoseconds since 1970
}

const (
	// lately is how long after a request the guest counts as one that will ask again.
	lately = 50 * time.Millisecond

	// givesWay is how long a piece of about a MiB waits for the guest at most, so that copying goes
	// on, at some 30 MiB a second and worker, under any load.
	givesWay = 30 * time.Millisecond

	gatePoll = time.Millisecond
)

// enter is called when a request of the guest comes in, and what it returns when it is answered.
func (g *gate) enter() (leave func()) {
	g.inside.Add(1)
	g.last.Store(time.Now().UnixNano())
	return func() { g.inside.Add(-1) }
}

// busy says whether the guest asks, or did lately.
func (g *gate) busy() bool {
	return g.inside.Load() > 0 || time.Now().UnixNano()-g.last.Load() < int64(lately)
}

// wait waits until the guest has no request, or has been waited for long enough.
func (g *gate) wait(ctx context.Context) error {
	if !g.busy() {
		return ctx.Err()
	}
	tick := time.NewTicker(gatePoll)
	defer tick.Stop()
	for begin := time.Now(); g.busy() && time.Since(begin) < g.most; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}
