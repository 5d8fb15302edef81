package serve

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheShareIsLookedAtLessOftenWhileNothingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace()
		p.every = time.Minute
		start := time.Now()
		took := func(quiet bool) time.Duration {
			t.Helper()
			before := time.Now()
			if !p.next(t.Context(), nil, quiet) {
				t.Fatal("it ended")
			}
			return time.Since(before)
		}
		if d := took(false); d != time.Minute {
			t.Errorf("the first look is after %v", d)
		}
		last := time.Duration(0)
		for range 6 {
			last = took(true)
		}
		if last != mostPatience*time.Minute {
			t.Errorf("looks are %v apart after %v in which nothing changed", last, time.Since(start))
		}
		if d := took(false); d != time.Minute {
			t.Errorf("after a change the next look is after %v", d)
		}

		// Who lists the disks has it looked at, if the last look is older than the interval.
		took(true)
		go func() {
			p.ask() // it is new enough
			time.Sleep(70 * time.Second)
			p.ask()
		}()
		if d := took(true); d != 70*time.Second {
			t.Errorf("who asks has it looked at after %v", d)
		}
		// What is stale is looked for at once, but not without a pause.
		go func() {
			for range 150 {
				p.hurry()
				time.Sleep(10 * time.Millisecond)
			}
		}()
		if d := took(true); d < hurried || d > 2*hurried {
			t.Errorf("stale files have it looked at after %v", d)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if p.next(ctx, nil, true) {
			t.Error("it does not end")
		}
		time.Sleep(time.Minute) // for those who asked to end
	})
}
