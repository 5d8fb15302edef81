package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestReadsAreExact(t *testing.T) {
	const span = 4 << 10
	for _, tt := range []struct {
		name   string
		size   int
		align  int
		around int64
	}{
		{"one byte", 1, 1, 0},
		{"less than a block", 100, 512, 0},
		{"whole spans", 16 * span, 512, 0},
		{"a short last span and block", 16*span + 777, 512, 0},
		{"an alignment that does not divide the span", 50000, 1536, 0},
		{"an alignment larger than the span", 50000, 5000, 0},
		{"neighbours come along", 64*span + 5, 1 << 10, 8 * span},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := &fakeSource{data: randomData(tt.size, 7), align: tt.align, around: tt.around}
			clear(src.data[tt.size/3 : tt.size/2])
			v := newCache(t, Options{MemoryBytes: 1 << 20, SpanBytes: span}).Volume("v", src)
			r := rand.New(rand.NewPCG(1, 2))
			for range 300 {
				off := r.IntN(tt.size + 1)
				n := r.IntN(tt.size - off + 1)
				view, err := v.Read(t.Context(), int64(off), n)
				if err != nil {
					t.Fatal(err)
				}
				if view.Size() != n || !bytes.Equal(bytesOf(view), src.data[off:off+n]) {
					t.Fatalf("%d bytes at %d differ", n, off)
				}
				view.Release()
				p := make([]byte, n)
				if err := v.ReadAt(t.Context(), p, int64(off)); err != nil || !bytes.Equal(p, src.data[off:off+n]) {
					t.Fatalf("ReadAt %d bytes at %d: %v", n, off, err)
				}
			}
		})
	}
}

func TestReadsOutsideOfTheVolumeFail(t *testing.T) {
	v := newCache(t, Options{}).Volume("v", &fakeSource{data: randomData(1000, 1), align: 512})
	for _, r := range [][2]int64{{-1, 1}, {0, 1001}, {1000, 1}, {1001, 0}, {999, 2}, {1 << 62, 1 << 30}} {
		if _, err := v.Read(t.Context(), r[0], int(r[1])); !errors.Is(err, ErrRange) {
			t.Errorf("read %d at %d: %v", r[1], r[0], err)
		}
	}
}

func TestBlocksTooLargeForTheMemoryAreRefused(t *testing.T) {
	c := newCache(t, Options{MemoryBytes: 1 << 20, SpanBytes: 4096})
	if _, err := c.Volume("v", &fakeSource{data: make([]byte, 1<<20), align: 1 << 19}).Read(t.Context(), 0, 1); err == nil {
		t.Fatal("no error")
	}
}

func TestZerosCostNothing(t *testing.T) {
	src := &fakeSource{data: make([]byte, 1<<20), align: 512}
	src.data[300<<10] = 1
	c := newCache(t, Options{SpanBytes: 64 << 10})
	v := c.Volume("v", src)
	for _, off := range []int64{0, 64 << 10, 512 << 10} {
		view, err := v.Read(t.Context(), off, 128<<10)
		if err != nil {
			t.Fatal(err)
		}
		view.Release()
	}
	if s := c.Stats(); s.Loads != 0 || s.UsedBytes != 0 || s.Zeros != 6 {
		t.Fatalf("%+v", s)
	}
	p := make([]byte, 1<<20)
	if err := v.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, src.data) {
		t.Fatal("differs", err)
	}
	if got, want := src.loaded(), [][2]int64{{256 << 10, 64 << 10}}; !slices.Equal(got, want) {
		t.Fatalf("loads %v, want %v", got, want)
	}
}

func TestOneLargeReadIsOneLoad(t *testing.T) {
	src := &fakeSource{data: randomData(4<<20, 1), align: 32 << 10}
	c := newCache(t, Options{MemoryBytes: 64 << 20})
	view, err := c.Volume("v", src).Read(t.Context(), 1<<20, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	view.Release()
	if got, want := src.loaded(), [][2]int64{{1 << 20, 1 << 20}}; !slices.Equal(got, want) {
		t.Fatalf("loads %v, want %v", got, want)
	}
}

func TestNeighboursTheDecoderPassesOverAreKept(t *testing.T) {
	src := &fakeSource{data: randomData(4<<20, 1), align: 32 << 10, around: 1 << 20}
	clear(src.data[1<<20+128<<10 : 1<<20+256<<10]) // zeros end the neighbours before
	c := newCache(t, Options{MemoryBytes: 64 << 20, PrefetchWorkers: -1})
	v := c.Volume("v", src)
	if err := v.ReadAt(t.Context(), make([]byte, 100), 1<<20+512<<10); err != nil {
		t.Fatal(err)
	}
	if got, want := src.loaded(), [][2]int64{{1<<20 + 256<<10, 768 << 10}}; !slices.Equal(got, want) {
		t.Fatalf("loads %v, want %v", got, want)
	}
	if err := v.ReadAt(t.Context(), make([]byte, 768<<10), 1<<20+256<<10); err != nil || len(src.loaded()) != 1 {
		t.Fatal("not kept", err)
	}
	if s := c.Stats(); s.Misses != 1 || s.Hits != 24 {
		t.Fatalf("%+v", s)
	}
}

func TestNeighboursDoNotSweepOutWhatIsUsed(t *testing.T) {
	const span = 4096
	src := &fakeSource{data: randomData(4096*span, 1), align: 512, around: 8 * span}
	c := newCache(t, Options{MemoryBytes: 128 * span, SpanBytes: span, PrefetchWorkers: -1})
	v := c.Volume("v", src)
	read := func(index int) (hit bool) {
		before := c.Stats().Hits
		if err := v.ReadAt(t.Context(), make([]byte, 100), int64(index)*span); err != nil {
			t.Fatal(err)
		}
		return c.Stats().Hits > before
	}
	for i := range 400 {
		read(1000 + i*7%3000) // at random, each with seven neighbours
		if hit := read(i % 32 * 8); !hit && i >= 32 {
			t.Fatalf("what is read every 32 rounds was gone in round %d", i)
		}
	}
}

func TestVolumesOfOneIDShareSpans(t *testing.T) {
	src := &fakeSource{data: randomData(4096, 1), align: 512}
	c := newCache(t, Options{})
	for _, id := range []string{"a", "a", "b"} {
		if err := c.Volume(id, src).ReadAt(t.Context(), make([]byte, 10), 10); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(src.loaded()); n != 2 {
		t.Fatalf("%d loads", n)
	}
}

func TestOnlyReadersOfADamagedBlockFail(t *testing.T) {
	const block, span = 32 << 10, 128 << 10
	bad := int64(2*span + block) // the second block of span 2
	src := &fakeSource{data: randomData(1<<20, 1), align: block, around: 1 << 20}
	src.onLoad = func(_ context.Context, off, n int64) error {
		if off <= bad && bad < off+n {
			return errDamaged
		}
		return nil
	}
	c := newCache(t, Options{MemoryBytes: 64 << 20, SpanBytes: span, PrefetchWorkers: -1})
	v := c.Volume("v", src)
	for off := int64(0); off < 1<<20; off += 4096 {
		p := make([]byte, 4096)
		err := v.ReadAt(t.Context(), p, off)
		if damaged := off >= bad && off < bad+block; damaged != errors.Is(err, errDamaged) {
			t.Fatalf("at %d: %v", off, err)
		} else if !damaged && !bytes.Equal(p, src.data[off:off+4096]) {
			t.Fatalf("at %d: differs", off)
		}
	}
	for _, tt := range []struct {
		name   string
		off, n int64
		fails  bool
	}{
		{"a large read over the damage", 0, 1 << 20, true},
		{"a large read up to the damage", 0, bad, false},
		{"a large read after the damage", bad + block, 1<<20 - bad - block, false},
		{"the blocks around it", bad - 1, block + 2, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := make([]byte, tt.n)
			if err := v.ReadAt(t.Context(), p, tt.off); tt.fails != (err != nil) {
				t.Fatal(err)
			} else if err == nil && !bytes.Equal(p, src.data[tt.off:tt.off+tt.n]) {
				t.Fatal("differs")
			}
		})
	}
	before := c.Stats()
	src.onLoad = nil // healed: errors are not remembered
	p := make([]byte, 1<<20)
	if err := v.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, src.data) {
		t.Fatal("not healed", err)
	}
	if n := c.Stats().LoadedBytes - before.LoadedBytes; n != span {
		t.Fatalf("%d bytes loaded after healing, want the damaged span only", n)
	}
}

func TestASpanOfOneBlockIsNotSalvaged(t *testing.T) {
	src := &fakeSource{data: randomData(1<<20, 1), align: 128 << 10}
	src.onLoad = func(context.Context, int64, int64) error { return errDamaged }
	err := newCache(t, Options{}).Volume("v", src).ReadAt(t.Context(), make([]byte, 10), 0)
	if !errors.Is(err, errDamaged) || len(src.loaded()) != 1 {
		t.Fatal(err, src.loaded())
	}
}

func TestAPanicOfTheSourceLeavesNobodyWaiting(t *testing.T) {
	src := &fakeSource{data: randomData(1<<20, 1), align: 512}
	src.onLoad = func(context.Context, int64, int64) error { panic("bug") }
	v := newCache(t, Options{}).Volume("v", src)
	func() {
		defer func() { _ = recover() }()
		_ = v.ReadAt(t.Context(), make([]byte, 1<<20), 0)
		t.Error("no panic")
	}()
	src.onLoad = nil
	if err := v.ReadAt(t.Context(), make([]byte, 1<<20), 0); err != nil {
		t.Fatal(err)
	}
}

func TestAPanicInPrefetchFailsOnlyReadersOfThoseBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{data: randomData(8<<20, 1), align: 512}
		var panics atomic.Int32
		src.onLoad = func(_ context.Context, off, _ int64) error {
			if off >= 1<<20 && panics.Add(1) == 1 {
				panic("bug")
			}
			return nil
		}
		r := newCache(t, Options{PrefetchWorkers: 1}).Volume("v", src).NewReader()
		defer r.Close()
		got := make([]byte, 64<<10)
		for off := int64(0); off < r.v.size; off += int64(len(got)) {
			if err := r.ReadAt(t.Context(), got, off); err != nil || !bytes.Equal(got, src.data[off:][:len(got)]) {
				t.Fatalf("at %d: %v", off, err)
			}
			synctest.Wait() // until prefetch has done all that it can
		}
		if panics.Load() == 0 {
			t.Error("nothing was loaded ahead")
		}
	})
}

// Many readers read at random, with a budget that is always short, loads that fail and readers that
// are cancelled: what is read must be right, memory must stay within bounds, and pinned buffers
// must not change.
func TestConcurrentRandomReadersGetRightBytesWithinTheMemory(t *testing.T) {
	const span, limit = 4 << 10, 96 << 10
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			src := &fakeSource{data: randomData(300<<10+123, seed), align: 1 << 10, around: 16 << 10}
			clear(src.data[40<<10 : 80<<10])
			bad := map[int64]bool{5: true, 100: true, 101: true, 255: true}
			var mu sync.Mutex
			dice := rand.New(rand.NewPCG(seed, 9))
			src.onLoad = func(ctx context.Context, off, n int64) error {
				for b := off >> 10; b<<10 < off+n; b++ {
					if bad[b] {
						return errDamaged
					}
				}
				mu.Lock()
				x := dice.IntN(100)
				mu.Unlock()
				if x < 5 {
					return errors.New("passing trouble")
				}
				return ctx.Err()
			}
			c := newCache(t, Options{MemoryBytes: limit, SpanBytes: span, Loads: 3, PrefetchWorkers: 2})
			var wg sync.WaitGroup
			for g := range uint64(8) {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(seed, g))
					reader := c.Volume("v", src).NewReader()
					defer func() { reader.Close() }()
					at := 0
					for i := range 300 {
						ctx, cancel := context.WithCancel(t.Context())
						n := 1 + r.IntN(3*span)
						off := r.IntN(len(src.data) - n)
						if g%2 == 0 { // in order
							off = at
							n = min(n, len(src.data)-off)
							at = (at + n) % len(src.data)
						}
						if r.IntN(10) == 0 {
							go cancel()
						}
						view, err := reader.Read(ctx, int64(off), n)
						if err == nil {
							for j := off >> 10; j<<10 < off+n; j++ {
								if bad[int64(j)] && !(off >= 40<<10 && off+n <= 80<<10) {
									t.Errorf("read of damaged block %d", j)
								}
							}
							for range r.IntN(3) {
								if !bytes.Equal(bytesOf(view), src.data[off:off+n]) {
									t.Errorf("%d bytes at %d differ", n, off)
									break
								}
							}
							view.Release()
						}
						if s := c.Stats(); s.UsedBytes+s.SpareBytes > limit {
							t.Errorf("memory: %+v", s)
						}
						if i%100 == 99 {
							reader.Close()
							reader = c.Volume("v", src).NewReader()
						}
						cancel()
					}
				})
			}
			wg.Wait()
			c.mu.Lock()
			for c.evict(forReader) {
			}
			left := c.atRest.Len() + c.aside.Len()
			c.mu.Unlock()
			if left > 0 {
				t.Errorf("%d spans still pinned", left)
			}
			t.Logf("%+v", c.Stats())
		})
	}
}

// The operator gives memory to the program, not to the cache, so the error
// names --memory.
func TestBlocksThatAreTooLargeNameTheMemoryThatWouldDo(t *testing.T) {
	c := New(Options{MemoryBytes: 4 << 20, PrefetchWorkers: -1, MemoryFor: func(n int64) int64 { return 2 * n }})
	defer c.Close()
	v := c.Volume("v", &fakeSource{data: make([]byte, 8<<20), align: 4 << 20})
	err := v.ReadAt(t.Context(), make([]byte, 1), 0)
	if err == nil || !strings.Contains(err.Error(), "give --memory 32MiB or more") {
		t.Error(err)
	}
}
