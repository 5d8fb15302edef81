package seekable

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// large samples are long enough for several cores.
func large(t *testing.T) []sample {
	var out []sample
	rng := rand.New(rand.NewPCG(9, 9))
	plain := bytes.Join([][]byte{words(rng, 2<<20), make([]byte, 12<<20), words(rng, 3<<20)}, nil)
	out = append(out, sample{"zlib", Zlib, deflated(t, 1, len(plain), plain), plain}, sample{"zstd", Zstd, zstandard(t, plain), plain})
	for _, s := range samples(t) {
		if s.alg == Bzip2 { // streams may follow each other
			out = append(out, sample{"bzip2", Bzip2, bytes.Repeat(s.stored, 4), bytes.Repeat(s.want, 4)})
		}
	}
	return out
}

func frontToBack(ctx context.Context, o *Object, want []byte, from int) (at int, err error) {
	p := make([]byte, 1<<20)
	for at = from; at < len(want); at += len(p) {
		p = p[:min(len(p), len(want)-at)]
		if err := o.ReadAt(ctx, p, int64(at)); err != nil {
			return at, err
		}
		if !bytes.Equal(p, want[at:at+len(p)]) {
			return at, errors.New("other bytes")
		}
	}
	return at, nil
}

func TestALoneReaderGetsTheCoresThatAreSpare(t *testing.T) {
	for _, s := range large(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if len(s.want) <= aloneBytes {
				t.Fatalf("%d bytes are too few", len(s.want))
			}
			e := newEngine(t, Options{NoBuild: true, Workers: 4})
			o := s.open(e, "x")
			if at, err := frontToBack(t.Context(), o, s.want, 0); err != nil {
				t.Errorf("at %d: %v", at, err)
			}
			// It stops when it is told to, and goes on from there.
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			at, err := frontToBack(ctx, o, s.want, 0)
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("stopped at %d: %v", at, err)
			}
			if at, err := frontToBack(t.Context(), o, s.want, min(at, len(s.want)-1)); err != nil {
				t.Errorf("at %d: %v", at, err)
			}
			o.Close()
			// Several have one each, or what the first left.
			var readers sync.WaitGroup
			for i := range 3 {
				readers.Go(func() {
					o := s.open(e, "x"+string(rune('a'+i)))
					defer o.Close()
					if at, err := frontToBack(t.Context(), o, s.want, 0); err != nil {
						t.Errorf("reader %d at %d: %v", i, at, err)
					}
				})
			}
			readers.Wait()
			if n := e.readers.Load(); n != 0 {
				t.Errorf("%d readers are counted", n)
			}
		})
	}
}

func TestHowManyCoresAreGiven(t *testing.T) {
	for _, c := range []struct {
		alg              Algorithm
		workers, readers int
		budget           int64
		cores            int
	}{
		{Zlib, 1, 1, 96 << 20, 1}, {Zlib, 2, 1, 96 << 20, 1}, {Zlib, 3, 1, 96 << 20, 2}, {Zlib, 8, 1, 96 << 20, 7}, {Zlib, 8, 4, 96 << 20, 1}, {Zlib, 8, 1, 24 << 20, 1},
		{Bzip2, 1, 1, 96 << 20, 1}, {Bzip2, 2, 1, 96 << 20, 2}, {Bzip2, 2, 2, 96 << 20, 1}, {Bzip2, 16, 1, 96 << 20, 5}, {Bzip2, 16, 1, 24 << 20, 1},
		{Zstd, 1, 1, 96 << 20, 1}, {Zstd, 2, 1, 24 << 20, 2}, {Zstd, 8, 3, 96 << 20, 2}, {Zstd, 8, 5, 96 << 20, 1},
	} {
		e := NewEngine(Options{Workers: c.workers, MemoryBytes: c.budget, NoBuild: true})
		e.readers.Store(int64(c.readers))
		cores, held := e.spare(c.alg)
		if cores != c.cores || (cores == 1) != (held == 0) || held > c.budget/2 {
			t.Errorf("%+v: %d cores, %d bytes", c, cores, held)
		}
	}
}
