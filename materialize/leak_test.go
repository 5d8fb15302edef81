package materialize

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"
	"time"
)

func TestNothingIsLeftOpenOrRunning(t *testing.T) {
	vol := newFakeVolume(6<<20, 41)
	dir := tempDir(t)
	each := func() {
		path := filepath.Join(dir, "f")
		mustRun(t, vol, path, false, Options{VerifyAfter: true})
		mustRun(t, vol, path, true, Options{Delta: true})
		if _, err := runOnto(t, vol, path, false, Options{}); err == nil {
			t.Fatal("not refused")
		}
		vol.fail = func(int64, int64) error { return errors.New("broken") }
		if _, err := runOnto(t, vol, path, true, Options{}); err == nil {
			t.Fatal("no error")
		}
		vol.fail = nil
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Compare(ctx, vol, path, Options{}); err == nil {
			t.Fatal("no error")
		}
		os.Remove(path)
	}
	count := func() (fds, goroutines int) {
		runtime.GC()
		entries, _ := os.ReadDir("/proc/self/fd")
		return len(entries), runtime.NumGoroutine()
	}
	each()
	fds, goroutines := count()
	each()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		f, g := count()
		if f <= fds && g <= goroutines {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors and %d goroutines, before %d and %d", f, g, fds, goroutines)
		}
	}
}

func TestBuffersSuitDirectIO(t *testing.T) {
	b, _ := newBuffers(defaultMemoryBytes, 4, testBlock)
	for range cap(b.free) {
		p, err := b.get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if reflect.ValueOf(p).Pointer()%pageBytes != 0 {
			t.Fatal("a buffer does not begin at a page: writes to devices go through the page cache")
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	for _, c := range []struct {
		memory, block int64
		jobs          int
	}{{64 << 20, 32 << 10, 2}, {64 << 20, 32 << 10, 128}, {1, 32 << 10, 8}, {1 << 20, 1000, 4}, {1 << 20, 512, 4}, {8 << 20, 4 << 20, 4}} {
		b, jobs := newBuffers(c.memory, c.jobs, c.block)
		total := int64(cap(b.free)) * int64(b.size)
		if jobs < 1 || jobs > c.jobs || cap(b.free) < 2*jobs || int64(b.size/2)%c.block != 0 || total > max(c.memory, 4*roundUp(pageBytes, c.block)) {
			t.Errorf("%+v: %d buffers of %d for %d jobs", c, cap(b.free), b.size, jobs)
		}
	}
}
