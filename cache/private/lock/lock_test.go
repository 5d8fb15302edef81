package lock_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest"
	"github.com/restorefs/restorefs/cache/private/lock"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// opened opens a file for writing, each time as another process would.
func opened(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestOnlySharedLocksGoTogether(t *testing.T) {
	for _, c := range []struct {
		first, second lock.Mode
		held          bool
	}{
		{lock.Shared, lock.Shared, false},
		{lock.Shared, lock.Exclusive, true},
		{lock.Exclusive, lock.Shared, true},
		{lock.Exclusive, lock.Exclusive, true},
	} {
		path := filepath.Join(t.TempDir(), "f")
		f, g := opened(t, path), opened(t, path)
		if err := lock.Try(f, c.first); err != nil {
			t.Fatal(err)
		}
		if err := lock.Try(g, c.second); errors.Is(err, lock.ErrHeld) != c.held || !c.held && err != nil {
			t.Errorf("%d after %d: %v", c.second, c.first, err)
		}
		if err := lock.Release(f); err != nil {
			t.Fatal(err)
		}
		if err := lock.Try(g, c.second); err != nil {
			t.Errorf("after the release: %v", err)
		}
	}
}

func TestADirectoryIsLocked(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // closing ends the lock
		f, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := lock.Try(f, lock.Exclusive); err != nil {
			t.Error(err)
		}
		f.Close()
	}
}

func TestAnErrorOfTheKernelIsReturned(t *testing.T) {
	f := opened(t, filepath.Join(t.TempDir(), "f"))
	f.Close()
	for _, err := range []error{lock.Try(f, lock.Exclusive), lock.Wait(t.Context(), f, lock.Exclusive, lock.Forever), lock.TryImage(f)} {
		if err == nil || errors.Is(err, lock.ErrHeld) {
			t.Error(err)
		}
	}
}

func TestWaitingEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f, g := opened(t, path), opened(t, path)
	if err := lock.Try(f, lock.Exclusive); err != nil {
		t.Fatal(err)
	}
	if err := lock.Wait(t.Context(), g, lock.Exclusive, time.Millisecond); !errors.Is(err, lock.ErrHeld) {
		t.Errorf("after the time: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := lock.Wait(ctx, g, lock.Exclusive, lock.Forever); !errors.Is(err, context.Canceled) {
		t.Errorf("with the context: %v", err)
	}
	time.AfterFunc(20*time.Millisecond, func() { f.Close() })
	if err := lock.Wait(t.Context(), g, lock.Exclusive, lock.Forever); err != nil {
		t.Errorf("with the other lock: %v", err)
	}
}

func TestOneAtATimeHasTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var inside atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3 {
				f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
				if err == nil {
					err = lock.Wait(t.Context(), f, lock.Exclusive, lock.Forever)
				}
				if err != nil || inside.Add(1) != 1 {
					t.Errorf("two have the lock, or none: %v", err)
				}
				inside.Add(-1)
				f.Close()
			}
		})
	}
	wg.Wait()
}

func TestTheHolderIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f := opened(t, path)
	if who := lock.Holder(path); who != "" {
		t.Errorf("%q has locked what nobody has", who)
	}
	if err := lock.Try(f, lock.Exclusive); err != nil {
		t.Fatal(err)
	}
	// Some kernels in containers tell nothing.
	if who := lock.Holder(path); who != "" {
		if id := fmt.Sprintf(" (process %d, ", os.Getpid()); len(who) < len(id) || who[:len(id)] != id {
			t.Errorf("%q, and not%s", who, id)
		}
	}
	if who := lock.Holder(path + "x"); who != "" {
		t.Errorf("%q has locked a file that does not exist", who)
	}
}

func TestAnImageIsLockedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f, g := opened(t, path), opened(t, path)
	if err := lock.TryImage(f); err != nil {
		t.Fatal(err)
	}
	if err := lock.TryImage(g); !errors.Is(err, lock.ErrHeld) {
		t.Error(err)
	}
	f.Close()
	if err := lock.TryImage(g); err != nil {
		t.Error(err)
	}
}
