package seekable

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/restorefs/restorefs/backupstore/seekable/index"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// enterable are objects of several blocks on either side of any damage.
func enterable(t *testing.T) []sample {
	t.Helper()
	rng := rand.New(rand.NewPCG(9, 9))
	plain := bytes.Join([][]byte{words(rng, 2<<20), make([]byte, 1<<20), words(rng, 2<<20)}, nil)
	b := pythons(t)[1]
	return []sample{
		{"zlib", Zlib, deflated(t, 1, len(plain), plain), plain},
		{"bzip2", Bzip2, bytes.Repeat(b.stored, 2), bytes.Repeat(b.want, 2)}, // streams may follow each other
		{"zstd", Zstd, zstandard(t, plain), plain},
	}
}

// noisy is an object of which n stored bytes are changed, so many percent behind its
// start.
func noisy(t *testing.T, alg Algorithm, at, n int) sample {
	t.Helper()
	s := enterable(t)[0]
	if alg == Bzip2 {
		s = enterable(t)[1]
	}
	s.stored = bytes.Clone(s.stored)
	for i := range n {
		s.stored[len(s.stored)*at/100+i] ^= 0x5a
	}
	return s
}

// lost is where reads of an object fail first.
func lost(t *testing.T, o *Object, want []byte) int64 {
	t.Helper()
	p := make([]byte, 64<<10)
	for off := 0; off+len(p) <= len(want); off += len(p) {
		err := o.ReadAt(context.Background(), p, int64(off))
		if err != nil || !bytes.Equal(p, want[off:off+len(p)]) {
			if err != nil && !errors.Is(err, stream.ErrCorrupt) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal(err)
			}
			return int64(off)
		}
	}
	t.Fatal("nothing is damaged")
	return 0
}

func TestAnObjectIsEnteredBehindItsDamage(t *testing.T) {
	for _, alg := range []Algorithm{Zlib, Bzip2} {
		s := noisy(t, alg, 30, 40)
		t.Run(s.name, func(t *testing.T) {
			o := s.open(newEngine(t, Options{}), "o")
			defer o.Close()
			ctx := context.Background()
			from := lost(t, o, s.want)
			if o.Entry() != 0 {
				t.Fatal("entered before anybody asked")
			}
			found, err := o.Resync(ctx, from)
			if err != nil || !found {
				t.Fatalf("found %t, %v", found, err)
			}
			at := o.Entry()
			if at < from || at > int64(len(s.want)*3/4) {
				t.Fatalf("damaged at %d, entered at %d of %d", from, at, len(s.want))
			}
			if start := o.Start(at + 100); start < at {
				t.Errorf("what is behind the entry, %d, would be decoded from %d", at, start)
			}
			// A zlib block refers to what was before it: far from there all is right.
			r, tail := newReader(3, s.want), max(at, int64(len(s.want))-1<<20)
			for off := tail; off < int64(len(s.want)); off += 100_000 {
				if ok, err := r.check(ctx, o, off, int(min(5000, int64(len(s.want))-off))); !ok || err != nil {
					t.Errorf("at %d, behind the entry at %d: right %t, %v", off, at, ok, err)
				}
			}
			if again, err := o.Resync(ctx, from); again || err != nil {
				t.Errorf("it is looked for again: %t, %v", again, err)
			}
			if ok, err := r.check(ctx, o, 0, 5000); !ok || err != nil {
				t.Errorf("before the damage: right %t, %v", ok, err)
			}
		})
	}
}

func TestWhereThereIsNoEntryNoneIsFound(t *testing.T) {
	for _, s := range enterable(t) {
		t.Run(s.name, func(t *testing.T) {
			o := s.open(newEngine(t, Options{}), "o")
			defer o.Close()
			found, err := o.Resync(context.Background(), 1<<20)
			if found || err != nil || o.Entry() != 0 {
				t.Fatalf("in a whole object: %t, %v, %d", found, err, o.Entry())
			}
		})
	}
	cut := noisy(t, Zlib, 30, 1)
	cut.stored = cut.stored[:len(cut.stored)/2]
	o := cut.open(newEngine(t, Options{}), "cut")
	defer o.Close()
	if found, err := o.Resync(context.Background(), lost(t, o, cut.want)); found || err != nil {
		t.Errorf("in one that is cut: %t, %v", found, err)
	}
}

// A damaged stream may decode to far more than the object has. Where that ends tells nothing of how
// far from the end the bytes before it are.
func TestAStreamThatDecodesToFarMoreIsEnteredAtABlock(t *testing.T) {
	for _, s := range enterable(t)[:2] {
		t.Run(s.name, func(t *testing.T) {
			for _, more := range []int{tailBytes - 1, tailBytes, 3 * tailBytes} {
				want := s.want[more:]
				o := newEngine(t, Options{}).NewObject(&source{b: s.stored}, s.alg, int64(len(want)), Identity{Path: "o"})
				defer o.Close()
				found, err := o.Resync(t.Context(), 100_000)
				if !found || err != nil {
					t.Fatalf("%d bytes more: %t, %v", more, found, err)
				}
				if byBlock := o.trust.entry.cp != nil; byBlock != (more >= tailBytes) {
					t.Errorf("%d bytes more: entered at a block: %t", more, byBlock)
				}
				r := newReader(3, want)
				// A zlib block refers to what was before it: far from there all is right.
				for off := max(o.Entry(), int64(len(want))-1<<20); off < int64(len(want)); off += 100_000 {
					if ok, err := r.check(t.Context(), o, off, int(min(5000, int64(len(want))-off))); !ok || err != nil {
						t.Errorf("%d bytes more: at %d, behind the entry at %d: right %t, %v", more, off, o.Entry(), ok, err)
					}
				}
			}
		})
	}
}

func TestATroubledShareIsAskedForAnEntryAgain(t *testing.T) {
	s := noisy(t, Bzip2, 30, 40)
	trouble := errors.New("trouble")
	src := &source{b: s.stored}
	o := newEngine(t, Options{}).NewObject(src, s.alg, int64(len(s.want)), Identity{Path: "o"})
	defer o.Close()
	from := lost(t, o, s.want)
	src.before = func(context.Context, int, int64) error { return trouble }
	if found, err := o.Resync(context.Background(), from); found || !errors.Is(err, trouble) {
		t.Fatalf("%t, %v", found, err)
	}
	src.before = nil
	if found, err := o.Resync(context.Background(), from); !found || err != nil {
		t.Fatalf("%t, %v", found, err)
	}
}

// A read that fails once must not make a later entry than there is the answer.
func TestTroubleInTheMiddleOfASearchIsNoReasonToGoOn(t *testing.T) {
	s := noisy(t, Bzip2, 30, 40)
	trouble := errors.New("trouble")
	for fails := 1; ; fails++ {
		src := &source{b: s.stored}
		o := newEngine(t, Options{}).NewObject(src, s.alg, int64(len(s.want)), Identity{Path: "o"})
		defer o.Close()
		from := lost(t, o, s.want)
		reads := 0
		src.before = func(context.Context, int, int64) error {
			if reads++; reads == fails {
				return trouble
			}
			return nil
		}
		found, err := o.Resync(context.Background(), from)
		if reads < fails {
			if !found || err != nil || fails < 3 {
				t.Errorf("%d reads: %t, %v", reads, found, err)
			}
			return
		}
		if found || !errors.Is(err, trouble) {
			t.Errorf("read %d fails: %t, %v", fails, found, err)
		}
	}
}

func TestAPlainReadTellsAWrongIndexFromDamage(t *testing.T) {
	for _, s := range indexedSamples(t) {
		t.Run(s.name, func(t *testing.T) {
			ctx := context.Background()
			e := newEngine(t, Options{})
			o := s.open(e, "o")
			defer o.Close()
			if o.Enterable() || o.Reenter() || len(o.Splits(0, o.Length(), 1<<20)) > 0 {
				t.Error("without an index it can be entered")
			}
			build(t, o, o.Length())
			if !o.Enterable() || !o.Reenter() {
				t.Error("with its index it cannot be entered")
			}
			splits := o.Splits(0, o.Length(), 1<<20)
			last := int64(0)
			for _, at := range splits {
				if at-last < 1<<20 || at >= o.Length() {
					t.Errorf("split at %v", splits)
				}
				last = at
				if start := o.Start(at); start != at {
					t.Errorf("split at %d, where decoding begins at %d", at, start)
				}
			}
			p, off := make([]byte, 5000), o.Length()/2
			tried, err := o.ReadPlain(ctx, p, off)
			if !tried || err != nil || !bytes.Equal(p, s.want[off:off+5000]) {
				t.Fatalf("tried %t, %v", tried, err)
			}
			o.Vindicate()
			if tried, err := o.ReadPlain(ctx, p, off); tried || err != nil {
				t.Errorf("it is tried again though the index is settled: %t, %v", tried, err)
			}
		})
	}
}

func TestAnObjectOwesNothingToADisownedIndex(t *testing.T) {
	for _, s := range indexedSamples(t) {
		t.Run(s.name, func(t *testing.T) {
			o := s.open(newEngine(t, Options{}), "o")
			defer o.Close()
			build(t, o, o.Length())
			o.Disown()
			if o.Enterable() {
				t.Error("its index is still there")
			}
			if tried, err := o.ReadPlain(context.Background(), make([]byte, 10), 0); tried || err != nil {
				t.Errorf("there is no index to doubt: %t, %v", tried, err)
			}
			if !o.Reenter() {
				t.Error("what was read before that is not read again")
			}
			readRandomly(t, o, s.want, 8)
		})
	}
}

func TestPlainBytesAreEnteredAnywhere(t *testing.T) {
	s := samples(t)[0]
	o := s.open(newEngine(t, Options{}), "o")
	defer o.Close()
	if !o.Enterable() || o.Start(12345) != 12345 || o.Reenter() {
		t.Error("plain bytes are not")
	}
	splits := o.Splits(100, 100+5<<20, 1<<20)
	if len(splits) < 3 || splits[0] != 100+1<<20 {
		t.Errorf("%v", splits)
	}
	if n := len(o.Splits(0, 1<<50, 1)); n > maxSplits {
		t.Errorf("%d splits", n)
	}
	if found, err := o.Resync(context.Background(), 0); found || err != nil {
		t.Errorf("%t, %v", found, err)
	}
}

// FuzzAnEntryBehindDamageIsRight damages a small stream anywhere. What is found
// behind must end where the object does, and bzip2, whose blocks depend on nothing
// before them, must give the bytes that it gave.
func FuzzAnEntryBehindDamageIsRight(f *testing.F) {
	f.Add(uint32(1000), []byte{1, 2, 3}, false)
	f.Add(uint32(100000), []byte{0, 0, 0, 0, 0, 0, 0, 0}, true)
	f.Add(uint32(3), bytes.Repeat([]byte{0xff}, 200), true)
	s := map[bool]sample{}
	for _, p := range pythons(f)[:2] {
		s[p.alg == Bzip2] = p
	}
	f.Fuzz(func(t *testing.T, at uint32, noise []byte, bzip bool) {
		s := s[bzip]
		s.stored = bytes.Clone(s.stored)
		copy(s.stored[int(at)%len(s.stored):], noise)
		e := NewEngine(Options{MemoryBytes: 64 << 20, Indexes: (*index.Store)(nil)})
		defer e.Close()
		o := s.open(e, "o")
		defer o.Close()
		found, err := o.Resync(context.Background(), 0)
		if err != nil {
			t.Fatal(err)
		}
		en := o.Entry()
		if !found || en >= o.Length() {
			return
		}
		p := make([]byte, o.Length()-en)
		err = o.ReadAt(context.Background(), p, en)
		if o.trust.entry.cp != nil && (err != nil || bzip && !bytes.Equal(p, s.want[en:])) {
			t.Fatalf("entered at %d of %d: other bytes, or %v", en, o.Length(), err)
		}
	})
}
