package seekable

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// storm reads objects at random from several goroutines.
func storm(t *testing.T, readers, each int, objects []*Object, wants [][]byte) {
	t.Helper()
	var all sync.WaitGroup
	for i := range readers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 3))
			for range each {
				k := rng.IntN(len(objects))
				r := &reader{rng: rng, want: wants[k]}
				off, n := r.next()
				if right, err := r.check(t.Context(), objects[k], off, min(n, 64<<10)); err != nil || !right {
					t.Errorf("object %d, %d bytes at %d: %v", k, n, off, err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestManyReadersReadRightAndKeepTheBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("not in this run: which processor it is makes no difference")
	}
	for _, c := range []struct {
		name   string
		memory int64
		each   int // reads
	}{
		{"with room for all", 256 << 20, 8},
		{"with room for some", 20 << 20, 8},
		{"with room for less than one", 1, 3}, // most begin at the start
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t, Options{MemoryBytes: c.memory})
			most := func(context.Context, int, int64) error {
				e.mu.Lock()
				defer e.mu.Unlock()
				if e.held > e.limit && e.held > 10<<20 { // one may need as much
					t.Errorf("%d bytes are held of %d", e.held, e.limit)
				}
				return nil
			}
			var objects []*Object
			var wants [][]byte
			for i, s := range indexedSamples(t) {
				o := e.NewObject(&source{s.stored, most}, s.alg, int64(len(s.want)), Identity{Path: fmt.Sprint(i)})
				defer o.Close()
				objects, wants = append(objects, o), append(wants, s.want)
			}
			storm(t, 12, c.each, objects, wants)
		})
	}
}

// A large decoder must not wait until all small ones happen to be idle.
func TestWhoNeedsMuchMemoryIsNotStarved(t *testing.T) {
	e := newEngine(t, Options{MemoryBytes: 4 << 20})
	stop := make(chan struct{})
	var small sync.WaitGroup
	for range 6 {
		small.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := e.reserve(t.Context(), 1<<20); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Millisecond)
				e.mu.Lock()
				e.release(1 << 20)
				e.mu.Unlock()
			}
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 5 {
		if err := e.reserve(ctx, 100<<20); err != nil {
			t.Fatal(err)
		}
		e.mu.Lock()
		e.release(100 << 20)
		e.mu.Unlock()
	}
	close(stop)
	small.Wait()
}

func TestWhoGivesUpWaitingLetsOthersGoOn(t *testing.T) {
	e := newEngine(t, Options{MemoryBytes: 10})
	if err := e.reserve(t.Context(), 6); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	large, tiny := make(chan error), make(chan error)
	go func() { large <- e.reserve(ctx, 8) }()
	waiting := func(n int) {
		for {
			e.mu.Lock()
			got := e.waiting.Len()
			e.mu.Unlock()
			if got == n {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
	waiting(1)
	go func() { tiny <- e.reserve(t.Context(), 3) }()
	waiting(2)
	cancel()
	if err := <-large; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-tiny; err != nil {
		t.Error(err)
	}
	e.mu.Lock()
	e.release(9)
	e.mu.Unlock()
}

func TestReadsThatAreCancelledAgainAndAgainGetThere(t *testing.T) {
	if testing.Short() {
		t.Skip("not in this run: which processor it is makes no difference")
	}
	for _, s := range indexedSamples(t) {
		for _, memory := range []int64{64 << 20, 1} {
			t.Run(fmt.Sprintf("%s, %d bytes of memory", s.name, memory), func(t *testing.T) {
				o := s.open(newEngine(t, Options{MemoryBytes: memory}), "x")
				defer o.Close()
				r := newReader(1, s.want)
				const n = 1000
				for tries := 0; ; tries++ {
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond<<min(tries/50, 10))
					right, err := r.check(ctx, o, int64(len(s.want))-n, n)
					cancel()
					if err == nil && !right {
						t.Fatal("wrong bytes")
					}
					if err == nil {
						break
					}
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Fatal(err)
					}
					if tries == 1000 {
						at, _ := o.Indexed()
						t.Fatalf("no end in sight, the frontier is at %d", at)
					}
				}
			})
		}
	}
}

func TestReadersAtTheFrontierSurviveEachOthersEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("not in this run: which processor it is makes no difference")
	}
	for _, s := range indexedSamples(t) {
		t.Run(s.name, func(t *testing.T) {
			o := s.open(newEngine(t, Options{}), "x")
			defer o.Close()
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					r := newReader(uint64(i), s.want)
					for range 12 {
						off, n := r.next()
						n = min(n, 32<<10)
						ctx, cancel := t.Context(), context.CancelFunc(func() {})
						if i%2 == 0 {
							ctx, cancel = context.WithTimeout(ctx, time.Duration(r.rng.IntN(3000))*time.Microsecond)
						}
						right, err := r.check(ctx, o, off, n)
						cancel()
						if err == nil && !right || err != nil && ctx.Err() == nil {
							t.Errorf("%d bytes at %d: %v", n, off, err)
						}
					}
				})
			}
			for range 3 {
				all.Go(func() {
					for {
						if done, err := o.Build(t.Context(), 3<<20); done || err != nil {
							if err != nil {
								t.Error(err)
							}
							return
						}
					}
				})
			}
			all.Wait()
		})
	}
}

// One Object can be on its way out while another of the same file is made.
func TestTwoObjectsOfOneFileShareTheFrontier(t *testing.T) {
	for _, s := range indexedSamples(t) {
		t.Run(s.name, func(t *testing.T) {
			store := openStore(t, t.TempDir())
			defer store.Close()
			e := newEngine(t, Options{Indexes: store})
			old, o := s.open(e, "x"), s.open(e, "x")
			build(t, old, old.Length()/3)
			r := newReader(1, s.want)
			if right, err := r.check(t.Context(), o, o.Length()-9, 9); err != nil || !right {
				t.Fatal(err)
			}
			old.Close()
			readRandomly(t, o, s.want, 2)
			o.Close()
		})
	}
}

func TestAClosedEngineStillServesReadersAtWork(t *testing.T) {
	for _, s := range indexedSamples(t) {
		e := newEngine(t, Options{})
		o := s.open(e, "x")
		readRandomly(t, o, s.want, 1)
		e.Close()
		readRandomly(t, o, s.want, 2)
		o.Close()
	}
}
