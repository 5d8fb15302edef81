package seekable

import (
	"context"
	"fmt"
	"sync"
	"testing"
)

// readInPieces reads an object from front to back in pieces, under a Hold.
func readInPieces(ctx context.Context, o *Object, want []byte) error {
	ctx, done := o.engine.Hold(ctx)
	defer done()
	p := make([]byte, 64<<10)
	for at := 0; at < len(want); at += len(p) {
		p = p[:min(len(p), len(want)-at)]
		if err := o.ReadAt(ctx, p, int64(at)); err != nil {
			return fmt.Errorf("at %d: %w", at, err)
		}
		if string(p) != string(want[at:at+len(p)]) {
			return fmt.Errorf("at %d: other bytes", at)
		}
	}
	return nil
}

func TestReadersThatHoldTheirDecoderStartOneForEachObject(t *testing.T) {
	for _, s := range indexedSamples(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			const readers = 8
			// Room for one or two decoders, each of which is wanted by the next reader.
			e := newEngine(t, Options{MemoryBytes: 2*decoderBytes(s.alg) + 2<<20, NoBuild: true, Workers: 1})
			var all sync.WaitGroup
			for i := range readers {
				o := s.open(e, fmt.Sprint(i))
				defer o.Close()
				all.Go(func() {
					if err := readInPieces(t.Context(), o, s.want); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			stats := e.Stats()
			if stats.Starts != readers || stats.Resumes != 0 || stats.HeldBytes != 0 || stats.Parked != 0 {
				t.Errorf("%+v", stats)
			}
		})
	}
}

// A reader whose second decoder does not fit beside the one it holds goes on,
// and so do the others.
func TestWhoHoldsADecoderAndWaitsForAnotherGivesItUp(t *testing.T) {
	s := indexedSamples(t)[0]
	e := newEngine(t, Options{MemoryBytes: decoderBytes(s.alg), NoBuild: true, Workers: 1})
	var all sync.WaitGroup
	for i := range 4 {
		a, b := s.open(e, fmt.Sprint("a", i)), s.open(e, fmt.Sprint("b", i))
		defer a.Close()
		defer b.Close()
		all.Go(func() {
			ctx, done := e.Hold(t.Context())
			defer done()
			p := make([]byte, 1<<10)
			for k := range 20 {
				for _, o := range []*Object{a, b} {
					if err := o.ReadAt(ctx, p, int64(k*len(p))); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	if stats := e.Stats(); stats.HeldBytes != 0 || stats.Waiting != 0 {
		t.Errorf("%+v", stats)
	}
}
