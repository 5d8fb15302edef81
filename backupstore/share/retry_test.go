package share

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnAttemptIsRepeatedUntilTheLimitAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, tries := time.Now(), 0
		busy := errors.New("busy")
		err := Policy{}.Again(t.Context(), func() (bool, error) {
			tries++
			return true, busy
		})
		var late *TimeoutError
		if !errors.As(err, &late) || late.After != time.Minute || !errors.Is(err, busy) {
			t.Errorf("%v", err)
		}
		took := time.Since(start)
		if took < time.Minute || took > time.Minute+lastPause {
			t.Errorf("given up after %v", took)
		}
		if tries < 12 || tries > 40 {
			t.Errorf("%d attempts in a minute", tries)
		}
	})
}

func TestWaitingForTheNextAttemptEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		err := Policy{}.Again(ctx, func() (bool, error) { return true, errors.New("busy") })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

func TestAnAttemptThatWouldBeRepeatedEndsAsItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := Policy{}.Again(ctx, func() (bool, error) {
		cancel()
		return true, errors.New("busy")
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestAServerThatIsBusyIsNotAway(t *testing.T) {
	p := Policy{Timeout: time.Millisecond}
	busy := p.Again(t.Context(), func() (bool, error) { return true, errors.New("busy") })
	silent := fmt.Errorf("read: %w", &TimeoutError{After: time.Minute})
	for _, err := range []error{busy, silent} {
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v is no deadline that was exceeded", err)
		}
	}
	if Away(busy) || !Away(silent) || Away(nil) {
		t.Error(Away(busy), Away(silent), Away(nil))
	}
}

// Each call that waits in the kernel holds a thread.
func TestFewCallsWaitInTheKernelAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := NewOutage("nfs1:/backups", nil)
		release := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		running, ended := 0, make(chan error)
		for range maxStuck + 10 {
			go func() {
				_, err := interruptible(ctx, o, func() (int, error) {
					o.mu.Lock()
					running++
					o.mu.Unlock()
					<-release
					return 0, nil
				}, nil)
				ended <- err
			}()
		}
		synctest.Wait()
		o.mu.Lock()
		if running != maxStuck {
			t.Errorf("%d calls are in the kernel, not %d", running, maxStuck)
		}
		o.mu.Unlock()
		cancel()
		for range maxStuck + 10 {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		}
		close(release)
	})
}
