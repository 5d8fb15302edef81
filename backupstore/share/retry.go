package share

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

// DefaultTimeout is how long an operation on a share waits for its server, where restorefs itself
// talks to the server.
const DefaultTimeout = time.Minute

const (
	// silence is how long a server may owe an answer, and say nothing at all, before the connection
	// is given up for another one. A server that failed over, or a firewall that forgot the
	// connection, drops what is sent without a word.
	silence = 15 * time.Second
	// dialling is how long one attempt to connect may take.
	dialling = 10 * time.Second

	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second

	// maxStuck bounds the calls of one share that wait for its server. In the kernel each of them
	// holds a thread.
	maxStuck = 256
)

// Policy is how patient restorefs is with the server of a share. The zero value is the default.
type Policy struct {
	// Timeout is how long an operation may take, waiting, connecting and asking again included. 0
	// means DefaultTimeout.
	Timeout time.Duration
}

// Limit is how long an operation may take.
func (p Policy) Limit() time.Duration {
	if p.Timeout <= 0 {
		return DefaultTimeout
	}
	return p.Timeout
}

// Silence is how long a connection may be silent while answers are due.
func (p Policy) Silence() time.Duration { return min(silence, p.Limit()/3) }

// Dialling is how long one attempt to connect may take.
func (p Policy) Dialling() time.Duration { return min(dialling, p.Limit()) }

// MaxStuck is how many operations may wait for a server at the same time; others wait for these.
func (p Policy) MaxStuck() int { return maxStuck }

// Pause waits before attempt number try (from 1) is repeated: longer each time, up to five seconds,
// and never just as long as others who wait for the same server. It returns early with ctx's error.
func (p Policy) Pause(ctx context.Context, try int) error {
	d := lastPause
	if try < 7 {
		d = min(lastPause, firstPause<<max(0, try-1))
	}
	d = min(d, p.Limit()/10)
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Again calls attempt until it does not ask to be called again, or until the policy's limit is
// reached; then it returns a *TimeoutError.
func (p Policy) Again(ctx context.Context, attempt func() (again bool, err error)) error {
	start := time.Now()
	for try := 1; ; try++ {
		again, err := attempt()
		if !again {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Since(start) >= p.Limit() {
			return &TimeoutError{After: p.Limit(), Err: err, Busy: true}
		}
		if pauseErr := p.Pause(ctx, try); pauseErr != nil {
			return pauseErr
		}
	}
}

// TimeoutError says that a server did not do in time what it was asked for.
type TimeoutError struct {
	After time.Duration
	Err   error // what went wrong last; nil: the server said nothing
	Busy  bool  // the server answers, and asks to be asked later
}

// Error implements error.
func (e *TimeoutError) Error() string {
	text := fmt.Sprintf("the server has not answered for %s (see that it runs and can be reached; "+
		"then try again)", e.After)
	if e.Err != nil {
		text = fmt.Sprintf("no success for %s (see that the server runs and can be reached; "+
			"then try again): %v", e.After, e.Err)
	}
	return text
}

// Unwrap returns what went wrong last.
func (e *TimeoutError) Unwrap() error { return e.Err }

// Timeout reports true, as of a net.Error.
func (e *TimeoutError) Timeout() bool { return true }

// Is reports whether target is os.ErrDeadlineExceeded.
func (e *TimeoutError) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// Away reports whether err says that the server did not answer at all. Whatever else it is asked
// for then would wait as long.
func Away(err error) bool {
	timeout, ok := errors.AsType[*TimeoutError](err)
	return ok && !timeout.Busy
}
