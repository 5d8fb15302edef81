package fusefs

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// dd handles SIGUSR1 and goes on.
func TestASignalThatDoesNotEndAReaderDoesNotFailItsCall(t *testing.T) {
	for what, c := range map[string]struct {
		hangOpen bool
		flags    string
	}{
		"opening":  {true, "fullblock"},
		"buffered": {false, "fullblock"},
		"direct":   {false, "direct"},
	} {
		t.Run(what, func(t *testing.T) {
			a := sample(idA)
			a.HangOpen = c.hangOpen
			a.Hanging = [2]int64{4 << 20, 5 << 20}
			r := mounted(t, a)
			cmd := exec.Command("dd", "if="+r.path("backups", idA, "volume.raw"), "of=/dev/null", "bs=64k", "skip=64", "count=1", "iflag="+c.flags)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the reader waits", func() bool { return r.stats().Waiting > 0 })
			for range 5 {
				cmd.Process.Signal(syscall.SIGUSR1)
				time.Sleep(30 * time.Millisecond)
			}
			if s := r.stats(); s.Waiting == 0 || s.Cancelled != 0 {
				t.Errorf("given up: %+v", s)
			}
			r.call("Release", nil, nil)
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestACallerIsWatchedOnlyWhileItsRequestWaits(t *testing.T) {
	before := runtime.NumGoroutine()
	interrupted := make(chan struct{})
	inner := &fuse.Context{Caller: fuse.Caller{Pid: 1 << 30}, Cancel: interrupted} // no such thread

	ctx, answered := patient(inner)
	if ctx.Err() != nil || runtime.NumGoroutine() > before {
		t.Error("watched too early")
	}
	answered()
	select {
	case <-ctx.Done():
		t.Error("ended when it was answered")
	default:
	}

	ctx, answered = patient(inner)
	ctx.Done()
	answered()
	eventually(t, "nobody watches", func() bool { return runtime.NumGoroutine() <= before })

	ctx, answered = patient(inner)
	defer answered()
	close(interrupted)
	eventually(t, "it ends", func() bool { return errors.Is(ctx.Err(), context.Canceled) })
	select {
	case <-ctx.Done():
	default:
		t.Error("Err without Done")
	}
}

func TestOnlySignalsThatTellAProgramToEndCount(t *testing.T) {
	mask := func(status string) uint64 { return signalMask([]byte(status), "SigPnd") }
	if got := mask("Name:\tx\nSigPnd:\t0000000000000100\nShdPnd:\t0\n"); got != 1<<(syscall.SIGKILL-1) {
		t.Errorf("%x", got)
	}
	for _, odd := range []string{"", "SigPnd", "\nSigPnd:", "\nSigPnd:\tx\n", "\nSigPnd:\t10000000000000000\n"} {
		if got := mask(odd); got != 0 {
			t.Errorf("%q: %x", odd, got)
		}
	}
	if !wantedToEnd(1<<30) || wantedToEnd(uint32(syscall.Gettid())) {
		t.Error("a thread that is gone, or one that is well")
	}
}
