package share

import (
	"log/slog"
	"sync"
	"time"
)

// hangAfter is how long a call may take before the operator is told that the
// server does not answer. Most mounts would wait for ever, silently.
const hangAfter = 5 * time.Second

// outage reports a server that does not answer: once when a call has hung for
// hangAfter, and once when no such call is left.
type outage struct {
	name string
	log  *slog.Logger // nil: nothing is reported

	mu    sync.Mutex
	calls int       // number of calls that hang; guarded by mu
	since time.Time // when the first of them was made; guarded by mu
}

// waiting is how long a reported call has been hanging, 0 if there is none.
func (o *outage) waiting() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.calls == 0 {
		return 0
	}
	return time.Since(o.since)
}

// call is a call that may hang.
type call struct {
	of    *outage
	start time.Time
	timer *time.Timer
	hangs bool // guarded by of.mu
	ended bool // guarded by of.mu
}

// begin is called before a call that may hang; the method end of its result is
// called afterwards.
func (o *outage) begin() *call {
	if o.log == nil {
		return nil
	}
	c := &call{of: o, start: time.Now()}
	c.timer = time.AfterFunc(hangAfter, c.hung)
	return c
}

func (c *call) hung() {
	o := c.of
	o.mu.Lock()
	first := !c.ended && o.calls == 0
	if !c.ended {
		c.hangs = true
		o.calls++
	}
	if first {
		o.since = c.start
	}
	o.mu.Unlock()
	if first {
		o.log.Warn("the share does not answer, waiting for it", "share", o.name, "for", hangAfter)
	}
}

func (c *call) end() {
	if c == nil || c.timer.Stop() {
		return
	}
	o := c.of
	o.mu.Lock()
	c.ended = true
	last := false
	if c.hangs {
		o.calls--
		last = o.calls == 0
	}
	since := o.since
	o.mu.Unlock()
	if last {
		o.log.Warn("the share answers again", "share", o.name, "after", time.Since(since).Round(time.Second))
	}
}
