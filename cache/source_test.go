package cache

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fakeSource is a volume in memory whose loads can be made slow, fail or wait.
type fakeSource struct {
	data   []byte
	align  int
	around int64         // Around widens to multiples of this
	delay  time.Duration // of a Load, for each MiB

	// onLoad, if set, is called by each Load before it fills p; an error fails it.
	onLoad func(ctx context.Context, off, n int64) error

	mu    sync.Mutex
	loads [][2]int64 // off, len
	asked int64      // the most bytes that NextData was asked for
	busy  atomic.Int32
}

func (f *fakeSource) Size() int64 { return int64(len(f.data)) }
func (f *fakeSource) Align() int  { return f.align }

func (f *fakeSource) Load(ctx context.Context, p []byte, off int64) error {
	f.busy.Add(1)
	defer f.busy.Add(-1)
	end := off + int64(len(p))
	if off%int64(f.align) != 0 || end > f.Size() || end != f.Size() && len(p)%f.align != 0 || len(p) == 0 {
		panic("load is not aligned")
	}
	f.mu.Lock()
	f.loads = append(f.loads, [2]int64{off, int64(len(p))})
	f.mu.Unlock()
	if f.delay > 0 {
		select {
		case <-time.After(f.delay * time.Duration(len(p)) >> 20):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if f.onLoad != nil {
		if err := f.onLoad(ctx, off, int64(len(p))); err != nil {
			copy(p, "what a failed load leaves must reach nobody")
			return err
		}
	}
	copy(p, f.data[off:])
	return nil
}

func (f *fakeSource) Around(off int64, n int) (int64, int64) {
	if f.around == 0 {
		return off, off + int64(n)
	}
	end := (off + int64(n) + f.around - 1) / f.around * f.around
	return off / f.around * f.around, min(end, f.Size())
}

func (f *fakeSource) NextData(ctx context.Context, off, end int64) (int64, int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	f.mu.Lock()
	f.asked = max(f.asked, end-off)
	f.mu.Unlock()
	a := int64(f.align)
	zero := func(at int64) bool {
		b := f.data[at/a*a : min(at/a*a+a, f.Size())]
		return bytes.Count(b, []byte{0}) == len(b)
	}
	start := off
	for start < end && zero(start) {
		start = min((start/a+1)*a, end)
	}
	stop := start
	for stop < end && !zero(stop) {
		stop = min((stop/a+1)*a, end)
	}
	return start, stop, nil
}

func (f *fakeSource) loaded() [][2]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([][2]int64(nil), f.loads...)
}

// randomData returns n bytes without zero blocks.
func randomData(n int, seed uint64) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed)})
	b := make([]byte, n)
	_, _ = r.Read(b)
	for i := 0; i < n; i += 64 {
		b[i] |= 1
	}
	return b
}

var errDamaged = errors.New("damaged block")

// newCache returns a cache that poisons the buffers it gets back. When the test ends the cache is
// closed and checked for leaked views and buffers. (synctest.Test checks for goroutines.)
func newCache(t testing.TB, o Options) *Cache {
	t.Helper()
	c := New(o)
	c.debug = &debugging{}
	t.Cleanup(func() {
		c.Close()
		c.debug.mu.Lock()
		for _, stack := range c.debug.views {
			t.Errorf("view not released, opened at\n%s", stack)
		}
		if c.debug.twice > 0 {
			t.Errorf("%d views released twice", c.debug.twice)
		}
		c.debug.mu.Unlock()
		s := c.Stats()
		if s.UsedBytes != 0 || s.SpareBytes != 0 || s.Views != 0 {
			t.Errorf("left after close: %+v", s)
		}
		if bytes.Count(c.zero, []byte{0}) != len(c.zero) {
			t.Error("somebody wrote to the zeros")
		}
	})
	return c
}

func bytesOf(v *View) []byte {
	b := make([]byte, v.Size())
	v.copyTo(b)
	return b
}
