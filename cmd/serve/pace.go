package serve

import (
	"context"
	"sync/atomic"
	"time"
)

// mostPatience is how many times the interval of looks at the share may grow while nothing changes
// and nobody lists the disks: then the server has that much less to answer.
const mostPatience = 10

// hurried is the least time between looks that are hurried.
const hurried = time.Second

// pace says when the share is looked at. It is safe for concurrent use, but for next, which is the
// one loop's that looks.
type pace struct {
	every time.Duration
	wait  time.Duration // until the next look
	fresh atomic.Int64  // Unix nanoseconds until which the last look is new enough for who asks
	again atomic.Int64  // Unix nanoseconds from which hurrying may help
	asked chan struct{} // somebody asks who wants a newer one
}

func newPace() *pace { return &pace{asked: make(chan struct{}, 1)} }

// ask has the share looked at soon if the last look is older than the interval.
func (p *pace) ask() {
	if until := p.fresh.Load(); until != 0 && time.Now().UnixNano() > until {
		p.hurry()
	}
}

// hurry has the share looked at soon: what the last look saw is of no use any more. As every reader
// may say so, looks are not without a pause even then.
func (p *pace) hurry() {
	if time.Now().UnixNano() < p.again.Load() {
		return
	}
	select {
	case p.asked <- struct{}{}:
	default:
	}
}

// next waits for the next look. quiet says that the last one found nothing new and met no error.
// It returns false when ctx ends.
func (p *pace) next(ctx context.Context, now <-chan struct{}, quiet bool) bool {
	if quiet {
		p.wait = min(2*p.wait, mostPatience*p.every)
	} else {
		p.wait = p.every
	}
	p.fresh.Store(time.Now().Add(p.every).UnixNano())
	p.again.Store(time.Now().Add(min(p.every, hurried)).UnixNano())
	timer := time.NewTimer(p.wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-now:
	case <-p.asked:
		p.wait = p.every
	}
	return true
}
