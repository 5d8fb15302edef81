package share

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// hangAfter is how long a call may take before the operator is told that the
// server does not answer. Most mounts would wait for ever, silently.
const hangAfter = 5 * time.Second

// Outage reports a server that does not answer: once when a call has hung for
// hangAfter, and once when no such call is left.
type Outage struct {
	name  string
	log   *slog.Logger  // nil: nothing is reported
	stuck chan struct{} // one for each call that interruptible makes

	mu    sync.Mutex
	calls int       // number of calls that hang; guarded by mu
	since time.Time // when the first of them was made; guarded by mu
}

// NewOutage returns an Outage of the share that is called name, which reports to log; log may be
// nil.
func NewOutage(name string, log *slog.Logger) *Outage {
	return &Outage{name: name, log: log, stuck: make(chan struct{}, maxStuck)}
}

// String returns the name of the share.
func (o *Outage) String() string { return o.name }

// Waiting is how long a reported call has been hanging, 0 if there is none.
func (o *Outage) Waiting() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.calls == 0 {
		return 0
	}
	return time.Since(o.since)
}

// enter waits until fewer than maxStuck calls are in the kernel; leave is called when one has
// returned. Each of them holds a thread while its server does not answer, and a process that has
// too many threads ends.
func (o *Outage) enter(ctx context.Context) error {
	if o.stuck == nil {
		return nil
	}
	select {
	case o.stuck <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o *Outage) leave() {
	if o.stuck != nil {
		<-o.stuck
	}
}

// Call is a call that may hang.
type Call struct {
	of    *Outage
	start time.Time
	timer *time.Timer
	hangs bool // guarded by of.mu
	ended bool // guarded by of.mu
}

// Begin is called before a call that may hang; the method End of its result is called afterwards.
func (o *Outage) Begin() *Call {
	if o.log == nil {
		return nil
	}
	c := &Call{of: o, start: time.Now()}
	c.timer = time.AfterFunc(hangAfter, c.hung)
	return c
}

func (c *Call) hung() {
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

// End says that the call has ended. The receiver may be nil.
func (c *Call) End() {
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
		o.log.Warn("the share answers again", "share", o.name,
			"after", time.Since(since).Round(time.Second))
	}
}
