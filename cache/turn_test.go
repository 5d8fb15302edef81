package cache

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// gate is a fakeSource whose loads wait until the test lets them end.
type gate struct {
	*fakeSource
	orders chan error
}

// newGate returns a source of n bytes whose Load waits until an error, or nil, is sent to orders,
// or its context ends.
func newGate(n, align int) *gate {
	g := &gate{&fakeSource{data: randomData(n, 3), align: align}, make(chan error)}
	g.onLoad = func(ctx context.Context, _, _ int64) error {
		select {
		case err := <-g.orders:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return g
}

// reads starts a read of 10 bytes at off and returns the channel that gets its
// error.
func reads(ctx context.Context, v *Cached, off int64) chan error {
	done := make(chan error, 1)
	go func() { done <- v.ReadAt(ctx, make([]byte, 10), off) }()
	synctest.Wait()
	return done
}

// is tells whether done holds an error that is target by now.
func is(done chan error, target error) bool {
	synctest.Wait()
	select {
	case err := <-done:
		return errors.Is(err, target)
	default:
		return false
	}
}

const oneSpan = 128 << 10

func TestOneReaderLoadsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(oneSpan, oneSpan)
		v := newCache(t, Options{}).Volume("v", g)
		var all []chan error
		for range 10 {
			all = append(all, reads(t.Context(), v, 0))
		}
		g.orders <- nil
		for i, done := range all {
			if !is(done, nil) {
				t.Errorf("reader %d", i)
			}
		}
		if n := len(g.loaded()); n != 1 {
			t.Errorf("%d loads", n)
		}
	})
}

func TestACancelledLoaderPassesItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(oneSpan, 512)
		c := newCache(t, Options{})
		v := c.Volume("v", g)
		const readers = 8
		var dones [readers]chan error
		var cancels [readers]context.CancelFunc
		contexts := map[context.Context]int{}
		loader := make(chan int, readers)
		g.onLoad = func(ctx context.Context, _, _ int64) error {
			loader <- contexts[ctx]
			select {
			case err := <-g.orders:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		for i := range readers {
			var ctx context.Context
			ctx, cancels[i] = context.WithCancel(t.Context())
			contexts[ctx] = i
			dones[i] = reads(ctx, v, 0)
		}
		for turn := range readers - 1 {
			if n := g.busy.Load(); n != 1 {
				t.Fatalf("turn %d: %d loaders", turn, n)
			}
			i := <-loader
			cancels[i]()
			if !is(dones[i], context.Canceled) {
				t.Fatalf("loader %d did not leave", i)
			}
			dones[i] = nil
		}
		g.orders <- nil
		for i, done := range dones {
			if done != nil && !is(done, nil) {
				t.Errorf("reader %d", i)
			}
			cancels[i]()
		}
		if n := len(g.loaded()); n != readers {
			t.Errorf("%d loads for %d turns", n, readers)
		}
		if s := c.Stats(); s.Turns != readers-1 || s.LoadErrors != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestACancelledWaiterLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(oneSpan, 512)
		v := newCache(t, Options{}).Volume("v", g)
		loader := reads(t.Context(), v, 0)
		ctx, cancel := context.WithCancel(t.Context())
		waiter := reads(ctx, v, 100)
		cancel()
		if !is(waiter, context.Canceled) {
			t.Error("waiter stays")
		}
		g.orders <- nil
		if !is(loader, nil) {
			t.Error("loader")
		}
	})
}

func TestACancelledReaderDoesNotLoad(t *testing.T) {
	src := &fakeSource{data: randomData(oneSpan, 1), align: 512}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := newCache(t, Options{}).Volume("v", src).ReadAt(ctx, make([]byte, 10), 0)
	if !errors.Is(err, context.Canceled) || len(src.loaded()) > 0 {
		t.Fatal(err)
	}
}

func TestAnErrorGoesToTheReadersThatWaitedForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(oneSpan, oneSpan)
		v := newCache(t, Options{}).Volume("v", g)
		all := []chan error{reads(t.Context(), v, 0), reads(t.Context(), v, 1), reads(t.Context(), v, 2)}
		g.orders <- errDamaged
		for i, done := range all {
			if !is(done, errDamaged) {
				t.Errorf("reader %d", i)
			}
		}
		if n := len(g.loaded()); n != 1 {
			t.Errorf("%d loads", n)
		}
		later := reads(t.Context(), v, 0)
		g.orders <- nil
		if !is(later, nil) {
			t.Error("the error was kept")
		}
	})
}

func TestWaitersOfADamagedSpanGetTheirBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(oneSpan, 32<<10)
		v := newCache(t, Options{SpanBytes: oneSpan}).Volume("v", g)
		first := reads(t.Context(), v, 0)
		second := reads(t.Context(), v, 96<<10)
		g.orders <- errDamaged // the span
		synctest.Wait()
		if n := g.busy.Load(); n != 2 {
			t.Fatalf("%d loads of blocks under way, want one each", n)
		}
		g.orders <- nil
		g.orders <- nil
		if !is(first, nil) || !is(second, nil) {
			t.Error("not served")
		}
	})
}

func TestReadersWaitForMemoryInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{data: randomData(1<<20, 3), align: 512}
		c := newCache(t, Options{MemoryBytes: 16 * 4096, SpanBytes: 4096, PrefetchWorkers: -1})
		v := c.Volume("v", src)
		views := make([]*View, 16)
		for i := range views {
			views[i], _ = v.Read(t.Context(), int64(i)*4096, 10)
		}
		ctx, cancel := context.WithCancel(t.Context())
		impatient := reads(ctx, v, 100*4096)
		large := make(chan *View, 1)
		go func() {
			view, err := v.Read(t.Context(), 200*4096, 3*4096)
			if err != nil {
				t.Error(err)
			}
			large <- view
		}()
		synctest.Wait()
		small := reads(t.Context(), v, 0x300)
		if !is(small, nil) {
			t.Error("a hit waits for memory")
		}
		small = reads(t.Context(), v, 110*4096)
		cancel()
		if !is(impatient, context.Canceled) {
			t.Error("a cancelled reader waits for memory")
		}
		var late chan error
		for i := range 3 {
			if synctest.Wait(); len(large) > 0 || len(small) > 0 {
				t.Fatal("served from nothing, or out of order")
			}
			views[i].Release()
			if i == 0 { // now there is memory for one span
				late = reads(t.Context(), v, 120*4096)
			}
		}
		if synctest.Wait(); len(large) != 1 || len(small) != 0 || len(late) != 0 {
			t.Fatalf("large %d small %d late %d", len(large), len(small), len(late))
		}
		(<-large).Release()
		if !is(small, nil) || !is(late, nil) {
			t.Error("those behind are not served")
		}
		for _, view := range views[3:] {
			view.Release()
		}
		if s := c.Stats(); s.UsedBytes+s.SpareBytes > s.MemoryBytes || s.MemoryWaits != 4 {
			t.Errorf("%+v", s)
		}
	})
}

func TestARequestLargerThanTheMemoryIsServedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{data: randomData(1<<20, 3), align: 512}
		c := newCache(t, Options{MemoryBytes: 16 * 4096, SpanBytes: 4096, PrefetchWorkers: -1})
		v := c.Volume("v", src)
		held, _ := v.Read(t.Context(), 0, 10)
		huge := make(chan *View, 1)
		go func() {
			view, err := v.Read(t.Context(), 4096, 40*4096)
			if err != nil {
				t.Error(err)
			}
			huge <- view
		}()
		if synctest.Wait(); len(huge) > 0 {
			t.Error("not alone")
		}
		held.Release()
		view := <-huge
		if !bytes.Equal(bytesOf(view), src.data[4096:41*4096]) {
			t.Error("differs")
		}
		view.Release()
		if s := c.Stats(); s.UsedBytes+s.SpareBytes > s.MemoryBytes {
			t.Errorf("memory stays exceeded: %+v", s)
		}
	})
}

func TestCloseFailsReadersThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &fakeSource{data: randomData(1<<20, 3), align: 512}
		c := newCache(t, Options{MemoryBytes: 16 * 4096, SpanBytes: 4096})
		v := c.Volume("v", src)
		view, err := v.Read(t.Context(), 0, 16*4096)
		if err != nil {
			t.Fatal(err)
		}
		waiter := reads(t.Context(), v, 100*4096)
		c.Close()
		if !is(waiter, ErrClosed) || !is(reads(t.Context(), v, 0), ErrClosed) {
			t.Error("not sent away")
		}
		if !bytes.Equal(bytesOf(view), src.data[:16*4096]) {
			t.Error("the view is gone")
		}
		view.Release()
	})
}

// The requests of these readers together are far more than the memory. Readers hold views, loads
// take time, and contexts end at any moment; the fake clock of synctest keeps real time out of it.
func TestCrowdedReadersAllFinish(t *testing.T) {
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			const limit = 16 * 4096
			src := &fakeSource{data: randomData(100*4096, seed), align: 512, around: 8 * 4096}
			dice := rand.New(rand.NewPCG(seed, 1))
			src.delay = time.Second * time.Duration(1+dice.IntN(100))
			src.onLoad = func(ctx context.Context, off, n int64) error {
				if src.busy.Load() > 3 {
					t.Error("too many loads at once")
				}
				if off/4096%7 == 6 {
					return errDamaged
				}
				return nil
			}
			c := newCache(t, Options{MemoryBytes: limit, SpanBytes: 4096, Loads: 2, PrefetchWorkers: 1})
			v := c.Volume("v", src)
			finished := make(chan int)
			for g := range 12 {
				go func() {
					r := rand.New(rand.NewPCG(seed, uint64(g)))
					reader := v.NewReader()
					defer reader.Close()
					good := 0
					for i := range 40 {
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.Int64N(int64(60*time.Second))))
						off, n := r.IntN(88*4096), 1+r.IntN(12*4096)
						if g%3 == 0 {
							off, n = i*2*4096, 2*4096
							cancel()
							ctx, cancel = context.WithCancel(t.Context())
						}
						view, err := reader.Read(ctx, int64(off), n)
						if err == nil {
							good++
							time.Sleep(time.Duration(r.Int64N(int64(time.Second))))
							if !bytes.Equal(bytesOf(view), src.data[off:off+n]) {
								t.Error("differs")
							}
							view.Release()
						} else if !errors.Is(err, errDamaged) && ctx.Err() == nil {
							t.Error(err)
						}
						if s := c.Stats(); s.UsedBytes+s.SpareBytes > limit {
							t.Errorf("%+v", s)
						}
						cancel()
					}
					finished <- good
				}()
			}
			good := 0
			for range 12 {
				good += <-finished
			}
			if testing.Verbose() {
				t.Logf("%d good, %+v", good, c.Stats())
			}
		})
	}
}
