package cache

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// deferring is a fakeSource that leaves the proof of neighbours for later.
type deferring struct {
	*fakeSource
	// wrong says of which blocks LoadUnproven has wrong bytes, and refuses which it refuses.
	wrong, refuses func(off int64) bool
	onProve        func() // if set, is called by each Prove

	mu       sync.Mutex
	unproven []int64 // offsets that LoadUnproven filled
	proven   []int64 // offsets that Prove was asked about
}

func (d *deferring) LoadUnproven(ctx context.Context, p []byte, off int64) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if d.refuses != nil && d.refuses(off) {
		return false, nil
	}
	copy(p, d.data[off:])
	if d.wrong != nil && d.wrong(off) {
		p[len(p)/2] ^= 1
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unproven = append(d.unproven, off)
	return true, nil
}

func (d *deferring) Prove(ctx context.Context, p []byte, off int64) (bool, error) {
	if d.onProve != nil {
		d.onProve()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.proven = append(d.proven, off)
	return bytes.Equal(p, d.data[off:off+int64(len(p))]), ctx.Err()
}

func TestNeighboursAreProvenWhenTheyAreAskedFor(t *testing.T) {
	const block = 32 << 10
	for _, tt := range []struct {
		name   string
		wrong  bool
		loads  [][2]int64 // that the read of a neighbour takes
		misses uint64
	}{
		{"a right one is not loaded again", false, nil, 1},
		{"a wrong one is loaded", true, [][2]int64{{3 * block, block}}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src := &deferring{fakeSource: &fakeSource{data: randomData(16*block, 1), align: block,
				around: 8 * block}, wrong: func(int64) bool { return tt.wrong }}
			c := newCache(t, Options{PrefetchWorkers: -1})
			v := c.Volume("v", src)
			read := func(off int64, n int) {
				t.Helper()
				p := make([]byte, n)
				if err := v.ReadAt(t.Context(), p, off); err != nil ||
					!bytes.Equal(p, src.data[off:off+int64(n)]) {
					t.Fatal("differs", err)
				}
			}
			read(5*block+7, 100)
			if got, want := src.loaded(), [][2]int64{{5 * block, block}}; !slices.Equal(got, want) {
				t.Fatalf("loads %v, want %v: what was asked for alone is proven", got, want)
			}
			if len(src.unproven) != 7 || len(src.proven) > 0 {
				t.Fatalf("%v unproven, %v proven", src.unproven, src.proven)
			}
			for range 2 {
				read(3*block+9, 100)
			}
			if got := src.loaded()[1:]; !slices.Equal(got, tt.loads) {
				t.Errorf("loads %v, want %v", got, tt.loads)
			}
			if !slices.Equal(src.proven, []int64{3 * block}) {
				t.Errorf("proven %v", src.proven)
			}
			if s := c.Stats(); s.Misses != tt.misses {
				t.Errorf("%+v", s)
			}
			read(0, 16*block)
		})
	}
}

func TestNeighboursThatCannotBeLeftUnprovenAreLoaded(t *testing.T) {
	const block = 32 << 10
	src := &deferring{fakeSource: &fakeSource{data: randomData(8*block, 1), align: block,
		around: 8 * block}, refuses: func(off int64) bool { return off == 2*block }}
	v := newCache(t, Options{PrefetchWorkers: -1}).Volume("v", src)
	if err := v.ReadAt(t.Context(), make([]byte, 10), 4*block); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 8*block)
	if err := v.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, src.data) {
		t.Fatal("differs", err)
	}
	if len(src.proven) > 0 {
		t.Errorf("%v were left unproven", src.proven)
	}
}

// A reader that waits for the load that brings its block along, as a neighbour, must not get it
// unproven.
func TestAReaderThatWaitedForANeighbourHasItProven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const block = 32 << 10
		g := newGate(8*block, block)
		g.around = 8 * block
		src := &deferring{fakeSource: g.fakeSource, wrong: func(int64) bool { return true }}
		v := newCache(t, Options{PrefetchWorkers: -1}).Volume("v", src)
		first := reads(t.Context(), v, 4*block)
		p := make([]byte, 100)
		second := make(chan error, 1)
		go func() { second <- v.ReadAt(t.Context(), p, 2*block) }()
		synctest.Wait()
		g.orders <- nil // the first reader's block
		if !is(first, nil) {
			t.Fatal("not served")
		}
		g.orders <- nil // the second one's, as that was wrong
		if !is(second, nil) || !bytes.Equal(p, src.data[2*block:2*block+100]) {
			t.Error("wrong bytes")
		}
		if !slices.Equal(src.proven, []int64{2 * block}) {
			t.Errorf("proven %v", src.proven)
		}
	})
}

func TestACancelledProofLeavesTheBlockToTheNextReader(t *testing.T) {
	const block = 32 << 10
	src := &deferring{fakeSource: &fakeSource{data: randomData(8*block, 1), align: block,
		around: 8 * block}}
	v := newCache(t, Options{PrefetchWorkers: -1}).Volume("v", src)
	if err := v.ReadAt(t.Context(), make([]byte, 10), 7*block); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	src.onProve = cancel
	if err := v.ReadAt(ctx, make([]byte, 10), 0); err != context.Canceled {
		t.Fatal(err)
	}
	src.onProve = nil
	p := make([]byte, 8*block)
	if err := v.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, src.data) {
		t.Fatal("differs", err)
	}
}

// Many readers at random, and in order, of a source half of whose neighbours are wrong, with a
// budget that is always short.
func TestWrongNeighboursReachNobody(t *testing.T) {
	const span, limit = 4 << 10, 96 << 10
	src := &deferring{fakeSource: &fakeSource{data: randomData(300<<10, 5), align: 1 << 10,
		around: 16 << 10}}
	src.wrong = func(off int64) bool { return off/span%2 == 0 }
	src.refuses = func(off int64) bool { return off/span%16 == 7 }
	c := newCache(t, Options{MemoryBytes: limit, SpanBytes: span, Loads: 3, PrefetchWorkers: 2})
	var readers sync.WaitGroup
	for g := range uint64(6) {
		readers.Go(func() {
			r := rand.New(rand.NewPCG(1, g))
			reader := c.Volume("v", src).NewReader()
			defer reader.Close()
			at := 0
			for range 300 {
				n := 1 + r.IntN(3*span)
				if g%3 > 0 || at+n > len(src.data) {
					at = r.IntN(len(src.data) - n)
				}
				ctx, cancel := context.WithCancel(t.Context())
				if r.IntN(10) == 0 {
					go cancel()
				}
				if view, err := reader.Read(ctx, int64(at), n); err == nil {
					if !bytes.Equal(bytesOf(view), src.data[at:at+n]) {
						t.Errorf("%d bytes at %d differ", n, at)
					}
					view.Release()
				} else if ctx.Err() == nil {
					t.Errorf("%d bytes at %d: %v", n, at, err)
				}
				cancel()
				at += n
				if s := c.Stats(); s.UsedBytes+s.SpareBytes > limit {
					t.Errorf("memory: %+v", s)
				}
			}
		})
	}
	readers.Wait()
	if len(src.proven) == 0 || len(src.unproven) == 0 {
		t.Error("nothing was left unproven")
	}
}

func TestPiecesThatAdjoinInMemoryAreOne(t *testing.T) {
	whole := make([]byte, 100)
	other := make([]byte, 10)
	var got [][]byte
	for _, p := range [][]byte{whole[:20], whole[20:50], whole[60:70], other, whole[70:]} {
		got = appendJoined(got, p)
	}
	var lengths []int
	for _, p := range got {
		lengths = append(lengths, len(p))
	}
	if !slices.Equal(lengths, []int{50, 10, 10, 30}) || &got[0][0] != &whole[0] {
		t.Errorf("%v", lengths)
	}
}
