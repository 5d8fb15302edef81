package seekable

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/seekable/index"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

func TestDistrustIsOnlyOnceAtTheIndexsCost(t *testing.T) {
	for _, s := range indexedSamples(t) {
		t.Run(s.name, func(t *testing.T) {
			o := s.open(newEngine(t, Options{}), "x")
			defer o.Close()
			build(t, o, o.Length())
			if !o.Distrust() {
				t.Error("nothing to be done the first time")
			}
			if at, _ := o.Indexed(); at != 0 {
				t.Errorf("the index still covers %d bytes", at)
			}
			build(t, o, o.Length())
			o.Distrust()
			if _, complete := o.Indexed(); !complete {
				t.Error("the second time cost the index too")
			}
			readRandomly(t, o, s.want, 1)
		})
	}
	o := samples(t)[0].open(newEngine(t, Options{}), "x")
	defer o.Close()
	if o.Distrust() {
		t.Error("there is nothing to distrust about plain bytes")
	}
}

func TestReadersDistrustingAtOnceReadRight(t *testing.T) {
	s := indexedSamples(t)[0]
	store := forgedIndex(t, s, func(_ *reader, o *observed) {
		for i := range o.checkpoints {
			o.checkpoints[i].Out += 4096
		}
	})
	o := s.open(newEngine(t, Options{Indexes: store}), "x")
	defer o.Close()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			r := newReader(uint64(i), s.want)
			for range 10 {
				off, n := r.next()
				right, err := r.check(t.Context(), o, off, n)
				if err == nil && !right && o.Distrust() {
					right, err = r.check(t.Context(), o, off, n)
				}
				if err != nil || !right {
					t.Errorf("%d bytes at %d are wrong: %v", n, off, err)
				}
			}
		})
	}
	all.Wait()
}

// A reader that is told to try again must not find the index that another reader
// is about to drop.
func TestNobodyReadsAgainBeforeTheIndexIsGone(t *testing.T) {
	s := indexedSamples(t)[0]
	store := forgedIndex(t, s, func(_ *reader, o *observed) {
		for i := range o.checkpoints {
			o.checkpoints[i].Out += 4096
		}
	})
	o := s.open(newEngine(t, Options{Indexes: store}), "x")
	defer o.Close()
	r, off, n := newReader(1, s.want), int64(0), 0
	for misled := false; !misled; {
		off, n = r.next()
		right, err := r.check(t.Context(), o, off, n)
		if err != nil {
			t.Fatal(err)
		}
		misled = !right
	}
	dropping, drop, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		o.without(func(x *index.Index) {
			close(dropping)
			<-drop
			x.Drop()
		})
	}()
	<-dropping
	read := make(chan struct{})
	go func() {
		defer close(read)
		o.Distrust()
		if right, err := r.check(t.Context(), o, off, n); err != nil || !right {
			t.Errorf("the second try is wrong: %v", err)
		}
	}()
	select {
	case <-read: // too early
	case <-time.After(50 * time.Millisecond):
	}
	close(drop)
	<-read
	<-done
}

// damagedSamples are objects of which the end cannot be read: from is where the
// damage begins at the earliest.
func damagedSamples(t *testing.T) (list []sample, from []int) {
	for _, s := range indexedSamples(t) {
		cut := s
		cut.name += ", cut"
		cut.stored = cut.stored[:len(cut.stored)*3/4]
		long := s
		long.name += ", shorter than it should be"
		long.want = append(append([]byte(nil), long.want...), 1, 2, 3)
		list = append(list, cut, long)
		from = append(from, len(s.want)/20, len(s.want))
	}
	return list, from
}

func TestWhatLiesBeforeDamageReads(t *testing.T) {
	list, from := damagedSamples(t)
	for i, s := range list {
		t.Run(s.name, func(t *testing.T) {
			var readBytes atomic.Int64
			src := &source{s.stored, func(_ context.Context, n int, _ int64) error { readBytes.Add(int64(n)); return nil }}
			o := newEngine(t, Options{}).NewObject(src, s.alg, int64(len(s.want)), Identity{})
			defer o.Close()
			r := newReader(1, s.want)
			var cost [6]int64
			for k := range cost {
				readBytes.Store(0)
				_, err := r.check(t.Context(), o, o.Length()-2, 2)
				if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, stream.ErrCorrupt) {
					t.Fatalf("behind the damage: %v", err)
				}
				cost[k] = readBytes.Load()
				off := r.rng.IntN(from[i] - 100)
				if right, err := r.check(t.Context(), o, int64(off), 100); err != nil || !right {
					t.Fatalf("at %d, before the damage: %v", off, err)
				}
			}
			if last := cost[len(cost)-1]; last > cost[0] {
				t.Errorf("bytes read for the same error: %v", cost)
			}
			if _, err := o.Build(t.Context(), o.Length()); err == nil {
				t.Error("an index of it is complete")
			}
		})
	}
}

// Trouble with the share passes. It is not damage, and it sticks to nothing.
func TestAReadAfterTroubleWithTheShareSucceeds(t *testing.T) {
	for _, s := range indexedSamples(t) {
		t.Run(s.name, func(t *testing.T) {
			trouble := errors.New("stale file handle")
			var bad atomic.Bool
			src := &source{s.stored, func(context.Context, int, int64) error {
				if bad.Load() {
					return trouble
				}
				return nil
			}}
			o := newEngine(t, Options{}).NewObject(src, s.alg, int64(len(s.want)), Identity{})
			defer o.Close()
			r := newReader(1, s.want)
			failed := 0
			for range 30 {
				off, n := r.next()
				bad.Store(true)
				if _, err := r.check(t.Context(), o, off, n); err != nil {
					failed++
					if !errors.Is(err, trouble) || errors.Is(err, stream.ErrCorrupt) {
						t.Fatal(err)
					}
				}
				bad.Store(false)
				if right, err := r.check(t.Context(), o, off, n); err != nil || !right {
					t.Fatalf("%d bytes at %d: %v", n, off, err)
				}
			}
			if failed == 0 {
				t.Error("no read met the trouble")
			}
		})
	}
}
