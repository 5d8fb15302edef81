package cache

import (
	"math/rand/v2"
	"testing"
)

func TestReadsInOrderAreFoundAndLoadedAheadOf(t *testing.T) {
	const k, m = 1 << 10, 1 << 20
	type read struct{ off, n int64 }
	type want struct{ from, to int64 }
	none := want{}
	for _, tt := range []struct {
		name  string
		size  int64
		max   int64
		reads []read
		wants []want // the range that each read asks to be loaded ahead
		turns int    // reads that move elsewhere
	}{
		{
			"two large reads in order make a streak, windows double as half of them is used up", 1 << 30, 8 * m,
			[]read{{0, m}, {m, m}, {2 * m, m}, {3 * m, m}, {4 * m, m}, {5 * m, m}, {6 * m, m}, {7 * m, m}},
			[]want{none, {2 * m, 4 * m}, {4 * m, 7 * m}, none, {7 * m, 13 * m}, none, none, none}, 0,
		},
		{
			"three small reads make a streak", 1 << 30, 8 * m,
			[]read{{0, 4 * k}, {4 * k, 4 * k}, {8 * k, 4 * k}, {12 * k, 4 * k}},
			[]want{none, none, {12 * k, 12*k + m}, none}, 0,
		},
		{
			"a small gap is still in order", 1 << 30, 8 * m,
			[]read{{0, 4 * k}, {5 * k, 4 * k}, {10 * k, 4 * k}},
			[]want{none, none, {14 * k, 14*k + m}}, 0,
		},
		{
			"requests that overtake each other are in order", 1 << 30, 8 * m,
			[]read{{0, 128 * k}, {256 * k, 128 * k}, {128 * k, 128 * k}, {512 * k, 128 * k}, {384 * k, 128 * k}},
			[]want{none, {384 * k, 384*k + m}, none, none, none}, 0,
		},
		{
			"the same place again and again asks for nothing", 1 << 30, 8 * m,
			[]read{{0, m}, {0, m}, {0, m}, {0, m}}, []want{none, none, none, none}, 0,
		},
		{
			"backward asks for nothing", 1 << 30, 8 * m,
			[]read{{9 * m, m}, {8 * m, m}, {7 * m, m}, {6 * m, m}, {5 * m, m}, {4 * m, m}, {3 * m, m}},
			[]want{none, none, none, none, none, none, none}, 0,
		},
		{
			"a jump ends the streak, and the next begins small", 1 << 30, 8 * m,
			[]read{{0, m}, {m, m}, {2 * m, m}, {500 * m, m}, {501 * m, m}},
			[]want{none, {2 * m, 4 * m}, {4 * m, 7 * m}, none, {502 * m, 504 * m}}, 1,
		},
		{
			"a jump back ends the streak", 1 << 30, 8 * m,
			[]read{{500 * m, m}, {501 * m, m}, {0, m}, {m, m}},
			[]want{none, {502 * m, 504 * m}, none, {2 * m, 4 * m}}, 1,
		},
		{
			"the window is not larger than allowed", 1 << 30, m,
			[]read{{0, m}, {m, m}, {2 * m, m}}, []want{none, {2 * m, 3 * m}, {3 * m, 4 * m}}, 0,
		},
		{
			"nothing is asked for beyond the end", 3*m + 5, 8 * m,
			[]read{{0, m}, {m, m}, {2 * m, m}, {3 * m, 5}}, []want{none, {2 * m, 3*m + 5}, none, none}, 0,
		},
		{
			"no window, no requests", 1 << 30, 0,
			[]read{{0, m}, {m, m}, {2 * m, m}}, []want{none, none, none}, 0,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := sequential{max: tt.max}
			turns := 0
			for i, r := range tt.reads {
				from, to, elsewhere := s.observe(r.off, r.n, tt.size)
				if to == from {
					from, to = 0, 0
				}
				if (want{from, to}) != tt.wants[i] {
					t.Errorf("read %d at %d: asks for [%d, %d), want %v", i, r.off, from, to, tt.wants[i])
				}
				if elsewhere {
					turns++
				}
			}
			if turns != tt.turns {
				t.Errorf("%d turns, want %d", turns, tt.turns)
			}
		})
	}
}

func TestRangesToLoadAscendAndDoNotOverlapForAnyReads(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s := sequential{max: 8 << 20}
	size := int64(1 << 28)
	var off, front int64
	for range 100000 {
		n := int64(1 + r.IntN(1<<20))
		switch r.IntN(20) {
		case 0:
			off = r.Int64N(size)
		case 1:
			off = max(0, off-int64(r.IntN(4<<20)))
		}
		n = min(n, size-off)
		if n <= 0 {
			off = 0
			continue
		}
		from, to, elsewhere := s.observe(off, n, size)
		if elsewhere {
			front = 0
		}
		if to > from {
			if from < front || from < off+n || to > size || to-from > 2*s.max || s.window == 0 {
				t.Fatalf("read %d at %d asks for [%d, %d), front %d", n, off, from, to, front)
			}
			front = to
		}
		if s.window > s.max || s.window > 0 && s.front < s.next {
			t.Fatalf("%+v", s)
		}
		off += n
	}
}

func TestRandomReadersAreNotSequential(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s := sequential{max: 8 << 20}
	for range 100000 {
		if from, to, _ := s.observe(r.Int64N(1<<18)<<12, 4096, 1<<30); to > from {
			t.Fatalf("asks for [%d, %d)", from, to)
		}
	}
}

func TestAJumpOverAHoleGoesOnInOrder(t *testing.T) {
	s := sequential{max: 8 << 20}
	s.observe(0, 1<<20, 1<<40)
	s.observe(1<<20, 1<<20, 1<<40)
	if from, ok := s.skips(1 << 30); !ok || from != 2<<20 {
		t.Fatal(from, ok)
	}
	s.skip(1 << 30)
	if from, to, elsewhere := s.observe(1<<30, 1<<20, 1<<40); elsewhere || from != 1<<30+1<<20 || to <= from {
		t.Fatal(from, to, elsewhere)
	}
}

// Who goes back and forth between a file's contents and what is said of it jumps over data all the
// time: to look through all of that takes longer than to read.
func TestWhatIsJumpedOverIsNotLookedThrough(t *testing.T) {
	const span = 128 << 10
	for _, tt := range []struct {
		zeros, asked int
		hole         bool
	}{{0, span, false}, {2 * span, 4 * span, false}, {64 * span, 64 * span, true}} {
		data := randomData(64*span, 1)
		clear(data[:tt.zeros])
		src := &fakeSource{data: data, align: 4096}
		v := newCache(t, Options{MemoryBytes: 64 * span}).Volume("v", src)
		if got := v.isHole(t.Context(), 0, int64(len(data))); got != tt.hole || src.asked > int64(tt.asked) {
			t.Errorf("%d bytes of zeros: %v, and %d bytes were asked for at once", tt.zeros, got, src.asked)
		}
	}
}
