package cache

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const mib = 1 << 20

func TestPrefetchRunsAheadOfAReader(t *testing.T) {
	for _, tt := range []struct {
		name    string
		workers int
		seconds int // at most, for 24 loads of one second each
	}{
		{"without workers a reader waits for every load", -1, 24},
		{"four workers serve a reader of one request at a time", 4, 14},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &fakeSource{data: randomData(24*mib, 3), align: 32 << 10, delay: time.Second}
				c := newCache(t, Options{MemoryBytes: 64 * mib, PrefetchWorkers: tt.workers})
				r := c.Volume("v", src).NewReader()
				defer r.Close()
				start := time.Now()
				for off := int64(0); off < 24*mib; off += mib {
					view, err := r.Read(t.Context(), off, mib)
					if err != nil || !bytes.Equal(bytesOf(view), src.data[off:off+mib]) {
						t.Fatal(off, err)
					}
					view.Release()
				}
				if took := time.Since(start); took > time.Duration(tt.seconds)*time.Second {
					t.Errorf("took %v", took)
				}
				s := c.Stats()
				if s.LoadedBytes != 24*mib || tt.workers > 0 && (s.Prefetched < 150 || s.PrefetchWasted > 0) {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// doors is a fakeSource whose loads each wait at a door of their own, found by the load's offset.
type doors struct {
	*fakeSource
	mu   sync.Mutex
	door map[int64]chan error
}

func newDoors(n int) *doors {
	d := &doors{fakeSource: &fakeSource{data: randomData(n, 3), align: 32 << 10}, door: map[int64]chan error{}}
	d.onLoad = func(ctx context.Context, off, _ int64) error {
		select {
		case err := <-d.at(off):
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return d
}

func (d *doors) at(off int64) chan error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.door[off] == nil {
		d.door[off] = make(chan error, 1)
	}
	return d.door[off]
}

// open lets a load at off through, now or once it arrives.
func (d *doors) open(off int64) { d.at(off) <- nil }

// start makes r read n bytes at off and returns the channel that gets the
// error.
func start(t *testing.T, r *Reader, off int64, n int) chan error {
	done := make(chan error, 1)
	go func() { done <- r.ReadAt(t.Context(), make([]byte, n), off) }()
	synctest.Wait()
	return done
}

// streak makes r read the first MiB in halves, so that the prefetch of the second MiB begins and
// waits at its door.
func streak(t *testing.T, d *doors, r *Reader) {
	t.Helper()
	for off := int64(0); off < mib; off += mib / 2 {
		d.open(off)
		if !is(start(t, r, off, mib/2), nil) {
			t.Fatal("not read")
		}
	}
	if loads := d.loaded(); d.busy.Load() != 1 || !slices.Contains(loads, [2]int64{mib, mib}) {
		t.Fatal("no prefetch", loads)
	}
}

func TestAMissJoinsThePrefetchOfItsSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoors(8 * mib)
		r := newCache(t, Options{PrefetchWorkers: 1}).Volume("v", d).NewReader()
		defer r.Close()
		streak(t, d, r)
		joined := start(t, r, mib+mib/4, 4096)
		if n := d.busy.Load(); n != 1 {
			t.Fatalf("%d loads under way", n)
		}
		d.open(mib)
		if !is(joined, nil) {
			t.Error("not served")
		}
	})
}

func TestCloseOfAReaderStopsItsPrefetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoors(8 * mib)
		c := newCache(t, Options{PrefetchWorkers: 1})
		v := c.Volume("v", d)
		r := v.NewReader()
		streak(t, d, r)
		other := start(t, v.NewReader(), mib+mib/4, 4096)
		r.Close()
		r.Close()
		synctest.Wait()
		if n := d.busy.Load(); n != 1 {
			t.Fatalf("%d loads under way, want that of the other reader, whose turn it is", n)
		}
		d.open(mib + mib/4)
		if !is(other, nil) {
			t.Error("not served")
		}
		loads := len(d.loaded())
		for off := int64(4 * mib); off < 6*mib; off += mib {
			d.open(off)
			if !is(start(t, r, off, mib), nil) {
				t.Error("a closed reader does not read")
			}
		}
		if n := len(d.loaded()); n != loads+2 {
			t.Errorf("%d loads, a closed reader prefetches", n-loads)
		}
		if c.mem.ahead != 0 {
			t.Errorf("%d bytes are still ahead of somebody", c.mem.ahead)
		}
	})
}

func TestPrefetchPausesWhileReadersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoors(32 * mib)
		c := newCache(t, Options{PrefetchWorkers: 1, Loads: 1})
		v := c.Volume("v", d)
		r, other := v.NewReader(), v.NewReader()
		defer r.Close()
		streak(t, d, r)
		first := start(t, other, 20*mib, 10)  // has the slot
		second := start(t, other, 24*mib, 10) // waits for it
		d.open(mib)
		synctest.Wait()
		// both are hits; the stream has more to do
		if is(start(t, r, mib, mib/2), errDamaged) || is(start(t, r, mib+mib/2, mib/2), errDamaged) {
			t.Error("not read")
		}
		if n := d.busy.Load(); n != 1 {
			t.Errorf("%d loads under way while a reader waits", n)
		}
		d.open(20 * mib)
		d.open(24 * mib)
		if !is(first, nil) || !is(second, nil) {
			t.Error("not served")
		}
		if !slices.Contains(d.loaded(), [2]int64{2 * mib, mib}) {
			t.Error("prefetch did not go on", d.loaded())
		}
	})
}

func TestAnErrorOfPrefetchFailsNoReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoors(8 * mib)
		r := newCache(t, Options{PrefetchWorkers: 1}).Volume("v", d).NewReader()
		defer r.Close()
		streak(t, d, r)
		joined := start(t, r, mib+mib/4, 4096)
		d.at(mib) <- errDamaged
		d.open(mib + mib/4)
		if !is(joined, nil) {
			t.Error("not served")
		}
	})
}

func TestPrefetchDoesNotEvictWhatWasPrefetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{data: randomData(64*mib, 3), align: 32 << 10}
		c := newCache(t, Options{MemoryBytes: 8 * mib, PrefetchWorkers: 2})
		v := c.Volume("v", src)
		var readers []*Reader
		for i := range int64(16) { // their windows together are more than the memory
			r := v.NewReader()
			defer r.Close()
			readers = append(readers, r)
			for off := 4 * i * mib; off < 4*i*mib+2*mib; off += mib / 2 {
				if err := r.ReadAt(t.Context(), make([]byte, mib/2), off); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
			}
			before := c.Stats()
			c.mu.Lock()
			if ahead := c.mem.ahead; ahead > 4*mib || i > 0 && ahead == 0 {
				t.Errorf("%d bytes are ahead", ahead)
			}
			var all stash
			for b := c.take(v.span, forSpare); b != nil; b = c.take(v.span, forSpare) {
				all = append(all, b)
			}
			if len(all) == 0 || int64(len(all)*v.span) > c.mem.limit-c.mem.ahead {
				t.Errorf("prefetch gets %d spans", len(all))
			}
			c.giveBackAll(&all)
			c.mu.Unlock()
			if s := c.Stats(); s.PrefetchWasted > before.PrefetchWasted || s.UsedBytes+s.SpareBytes > s.MemoryBytes {
				t.Fatalf("%+v", s)
			}
		}
		for _, r := range readers {
			r.Close()
		}
		if c.mem.ahead != 0 {
			t.Errorf("%d bytes are still ahead of somebody", c.mem.ahead)
		}
	})
}

func TestPrefetchLeavesZerosOutAndGoesOnAfterThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{data: randomData(24*mib, 3), align: 32 << 10}
		clear(src.data[2*mib : 12*mib])
		c := newCache(t, Options{PrefetchWorkers: 1})
		r := c.Volume("v", src).NewReader()
		defer r.Close()
		for off := int64(0); off < 2*mib; off += mib {
			if err := r.ReadAt(t.Context(), make([]byte, mib), off); err != nil {
				t.Fatal(err)
			}
		}
		// prefetch has crossed the zeros: otherwise this reader might join a load, which is a miss
		synctest.Wait()
		for off := int64(12 * mib); off < 20*mib; off += mib { // as if SEEK_DATA had named it
			if err := r.ReadAt(t.Context(), make([]byte, mib), off); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if s := c.Stats(); s.Misses != 32*2 || s.PrefetchWasted > 0 {
			t.Errorf("two MiB should not be prefetched, those at the start: %+v", s)
		}
	})
}

func TestARandomReaderDoesNotPrefetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{data: randomData(24*mib, 3), align: 32 << 10}
		c := newCache(t, Options{PrefetchWorkers: 1})
		r := c.Volume("v", src).NewReader()
		defer r.Close()
		for i := range int64(1000) {
			if err := r.ReadAt(t.Context(), make([]byte, 4096), i*2477%6144*4096); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if s := c.Stats(); s.Prefetched != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A reader that skips zeros reaches the next data at once, so zeros do not
// count for the window.
func TestPrefetchReachesOverZeros(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const piece, every = 256 << 10, 8 * mib
		src := &fakeSource{data: make([]byte, 10*every), align: 32 << 10}
		for off := 0; off < len(src.data); off += every {
			copy(src.data[off:off+piece], randomData(piece, uint64(off)))
		}
		r := newCache(t, Options{PrefetchWorkers: 2}).Volume("v", src).NewReader()
		defer r.Close()
		for off := int64(0); off < piece; off += piece / 2 {
			if err := r.ReadAt(t.Context(), make([]byte, piece/2), off); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		var ahead int64
		for _, l := range src.loaded() {
			if l[0] > piece {
				ahead += l[1]
			}
			if l[0]%every+l[1] > piece {
				t.Errorf("loaded zeros: %v", l)
			}
		}
		if ahead != firstWindow {
			t.Errorf("%d bytes loaded ahead", ahead)
		}
	})
}
