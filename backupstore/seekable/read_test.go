package seekable

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/seekable/index"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

var discard = slog.New(slog.DiscardHandler)

// reads are enough to meet most of what a stream has.
const reads = 15

// readRandomly compares reads with the reference, those of the last bytes too.
func readRandomly(t *testing.T, o *Object, want []byte, seed uint64) {
	t.Helper()
	r := newReader(seed, want)
	for range reads {
		off, n := r.next()
		if right, err := r.check(t.Context(), o, off, n); err != nil || !right {
			t.Fatalf("%d bytes at %d: %v", n, off, err)
		}
	}
	n := min(len(want), 100_001)
	if right, err := r.check(t.Context(), o, int64(len(want)-n), n); err != nil || !right {
		t.Fatalf("the last %d bytes: %v", n, err)
	}
}

func build(t *testing.T, o *Object, n int64) {
	t.Helper()
	if _, err := o.Build(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

func TestEveryRangeReadsAsTheReference(t *testing.T) {
	for i, s := range samples(t) {
		size := int64(len(s.want))
		t.Run(s.name, func(t *testing.T) {
			t.Run("without an index", func(t *testing.T) {
				o := s.open(newEngine(t, Options{}), "x")
				defer o.Close()
				readRandomly(t, o, s.want, uint64(i))
			})
			t.Run("with half of one", func(t *testing.T) {
				o := s.open(newEngine(t, Options{}), "x")
				defer o.Close()
				build(t, o, size/2)
				if at, complete := o.Indexed(); s.alg.Indexed(size) && (complete || at < size/2) {
					t.Errorf("the frontier is at %d, complete %v", at, complete)
				}
				readRandomly(t, o, s.want, uint64(i))
			})
			t.Run("with one in memory", func(t *testing.T) {
				o := s.open(newEngine(t, Options{}), "x")
				defer o.Close()
				build(t, o, size)
				if at, complete := o.Indexed(); at != size || !complete {
					t.Errorf("the frontier is at %d, complete %v", at, complete)
				}
				readRandomly(t, o, s.want, uint64(i))
			})
			t.Run("with one on disk", func(t *testing.T) {
				dir := t.TempDir()
				for _, n := range []int64{size / 2, size} { // the second goes on where the first stopped
					store := openStore(t, dir)
					o := s.open(NewEngine(Options{MemoryBytes: 1 << 20, Indexes: store}), "x")
					build(t, o, n)
					o.Close()
					store.Close()
				}
				store := openStore(t, dir)
				defer store.Close()
				o := s.open(newEngine(t, Options{Indexes: store}), "x")
				defer o.Close()
				if at, complete := o.Indexed(); at != size || !complete {
					t.Errorf("the frontier is at %d, complete %v", at, complete)
				}
				readRandomly(t, o, s.want, uint64(i))
				if names := openFiles(t, dir); len(names) > 2 { // the directory and its lock
					t.Errorf("open: %v", names)
				}
			})
		})
	}
}

// damagedIndex writes the index of s and lets change damage its file.
func damagedIndex(t *testing.T, s sample, change func([]byte) []byte) *index.Store {
	t.Helper()
	dir := t.TempDir()
	store := openStore(t, dir)
	o := s.open(NewEngine(Options{MemoryBytes: 1 << 20, Indexes: store}), "x")
	build(t, o, o.Length())
	o.Close()
	store.Close()
	changed := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil || len(b) == 0 {
			return err
		}
		changed++
		return os.WriteFile(path, change(b), 0o600)
	})
	if err != nil || changed != 1 {
		t.Fatalf("%d index files: %v", changed, err)
	}
	store = openStore(t, dir)
	t.Cleanup(store.Close)
	return store
}

func TestADamagedIndexCostsNoData(t *testing.T) {
	for _, s := range indexedSamples(t) {
		t.Run(s.name, func(t *testing.T) {
			for _, c := range []struct {
				name   string
				change func(r *reader, b []byte) []byte
			}{
				{"a bit flipped", func(r *reader, b []byte) []byte { b[r.rng.IntN(len(b))] ^= 1 << r.rng.IntN(8); return b }},
				{"zeros from somewhere on", func(r *reader, b []byte) []byte { clear(b[r.rng.IntN(len(b)):]); return b }},
				{"cut", func(r *reader, b []byte) []byte { return b[:r.rng.IntN(len(b))] }},
				{"longer", func(r *reader, b []byte) []byte { return append(b, b...) }},
			} {
				t.Run(c.name, func(t *testing.T) {
					for seed := range uint64(2) {
						r := newReader(seed, s.want)
						store := damagedIndex(t, s, func(b []byte) []byte { return c.change(r, append(make([]byte, 0, 2*len(b)+64), b...)) })
						o := s.open(newEngine(t, Options{Indexes: store}), "x")
						readRandomly(t, o, s.want, seed)
						o.Close()
					}
				})
			}
		})
	}
}

func TestAStaleIndexIsNotUsed(t *testing.T) {
	for _, s := range indexedSamples(t) {
		t.Run(s.name, func(t *testing.T) {
			store := damagedIndex(t, s, func(b []byte) []byte { return b })
			o := newEngine(t, Options{Indexes: store}).NewObject(&source{b: s.stored}, s.alg, int64(len(s.want)), Identity{Path: "x", ModTime: time.Unix(9, 9)})
			defer o.Close()
			if at, complete := o.Indexed(); at != 0 || complete {
				t.Fatalf("covers %d, complete %v", at, complete)
			}
			readRandomly(t, o, s.want, 1)
		})
	}
}

// forgedIndex stores an index whose files are sound and whose contents lie.
func forgedIndex(t *testing.T, s sample, forge func(r *reader, o *observed)) *index.Store {
	t.Helper()
	var truth observed
	d := newDecoder(s.alg, &source{b: s.stored}, settings{observer: &truth, buffers: &NewEngine(Options{}).buffers, workers: 1})
	defer d.Close()
	if _, err := d.Skip(t.Context(), int64(len(s.want))); err != nil {
		t.Fatal(err)
	}
	forge(newReader(5, s.want), &truth)
	store := openStore(t, t.TempDir())
	t.Cleanup(store.Close)
	x := store.Index(index.Key{Object: "x", Algorithm: uint8(s.alg), StoredBytes: int64(len(s.stored)), DecodedBytes: int64(len(s.want))})
	defer x.Close()
	b, ok := x.TryBuild()
	if !ok {
		t.Fatal("cannot build")
	}
	for _, c := range truth.checkpoints {
		b.Checkpoint(c)
	}
	for _, z := range truth.zeros {
		b.Zeros(z[0], z[1])
	}
	b.Complete()
	b.Close()
	if _, any := x.Before(1 << 62); !x.Complete() || !any {
		t.Fatalf("index not accepted: complete %v, with checkpoints %v", x.Complete(), any)
	}
	return store
}

// Nothing but digests can tell that some of these are lies: then Distrust must
// be all that is needed.
func TestAForgedIndexCostsNoDataOnceItIsDistrusted(t *testing.T) {
	for _, s := range indexedSamples(t) {
		t.Run(s.name, func(t *testing.T) {
			for _, c := range []struct {
				name  string
				forge func(r *reader, o *observed)
			}{
				{"noise for states", func(r *reader, o *observed) {
					for i := range o.checkpoints {
						o.checkpoints[i].State = noise(r.rng, r.rng.IntN(100))
					}
				}},
				{"states with flipped bits", func(r *reader, o *observed) {
					for i := range o.checkpoints {
						if st := o.checkpoints[i].State; len(st) > 0 {
							st[r.rng.IntN(len(st))] ^= 1 << r.rng.IntN(8)
						}
					}
				}},
				{"states of the neighbours", func(_ *reader, o *observed) {
					for i := range o.checkpoints[1:] {
						o.checkpoints[i].State = o.checkpoints[i+1].State
					}
				}},
				{"places beside the right ones", func(r *reader, o *observed) {
					for i := range o.checkpoints {
						o.checkpoints[i].In += r.rng.Int64N(3)
						o.checkpoints[i].Out += r.rng.Int64N(3)
					}
				}},
				{"offsets that are a page too high", func(_ *reader, o *observed) {
					for i := range o.checkpoints {
						o.checkpoints[i].Out += 4096
					}
				}},
				{"zeros everywhere", func(r *reader, o *observed) {
					o.zeros = [][2]int64{{0, int64(len(r.want))}}
				}},
			} {
				t.Run(c.name, func(t *testing.T) {
					o := s.open(newEngine(t, Options{Indexes: forgedIndex(t, s, c.forge)}), "x")
					defer o.Close()
					r := newReader(3, s.want)
					for range reads {
						off, n := r.next()
						right, err := r.check(t.Context(), o, off, n)
						if err != nil {
							t.Fatalf("%d bytes at %d: %v", n, off, err)
						}
						if right {
							continue
						}
						if !o.Distrust() {
							t.Fatalf("%d bytes at %d are wrong and nothing can be done", n, off)
						}
						if right, err := r.check(t.Context(), o, off, n); err != nil || !right {
							t.Fatalf("%d bytes at %d are wrong the second time too: %v", n, off, err)
						}
					}
				})
			}
		})
	}
}

func TestZerosAreNotDecodedOnceTheyAreKnown(t *testing.T) {
	for _, s := range indexedSamples(t) {
		t.Run(s.name, func(t *testing.T) {
			src := &source{b: s.stored}
			o := newEngine(t, Options{}).NewObject(src, s.alg, int64(len(s.want)), Identity{})
			defer o.Close()
			build(t, o, o.Length())
			src.b = nil // whoever decodes fails
			zeros := int64(0)
			p := make([]byte, 4096)
			for off := int64(0); off+4096 <= o.Length(); off += 4096 {
				if start, n := o.index.NextZero(off, off+4096); n == 4096 && start == off {
					p[0] = 1
					if err := o.ReadAt(t.Context(), p, off); err != nil || p[0] != 0 {
						t.Fatalf("at %d: %v", off, err)
					}
					zeros += 4096
				}
			}
			if zeros < 1<<20-128<<10 {
				t.Errorf("only %d bytes are known to be zero", zeros)
			}
		})
	}
}

func TestWhatIsKnownToBeZeroIsZero(t *testing.T) {
	for _, s := range indexedSamples(t) {
		t.Run(s.name, func(t *testing.T) {
			o := s.open(newEngine(t, Options{}), "x")
			defer o.Close()
			if n := o.KnownZero(0, o.Length()); n != 0 {
				t.Errorf("%d bytes are known without an index", n)
			}
			build(t, o, o.Length())
			zeros := int64(0)
			for off := int64(0); off < o.Length(); off++ {
				n := o.KnownZero(off, o.Length())
				if part := o.KnownZero(off, min(off+100, o.Length())); part != min(n, 100) {
					t.Fatalf("%d bytes at %d are known, and %d of 100", n, off, part)
				}
				if n == 0 {
					off += 1000
					continue
				}
				if len(bytes.Trim(s.want[off:off+n], "\x00")) > 0 {
					t.Fatalf("%d bytes at %d are not zero", n, off)
				}
				zeros, off = zeros+n, off+n
			}
			if zeros < 1<<20-128<<10 {
				t.Errorf("only %d bytes are known to be zero", zeros)
			}
			if n := o.KnownZero(o.Length(), o.Length()); n != 0 {
				t.Errorf("%d bytes behind the end", n)
			}
		})
	}
}

func TestWithoutBuildingNothingIsBuiltAndAllReads(t *testing.T) {
	for _, s := range indexedSamples(t) {
		t.Run(s.name, func(t *testing.T) {
			o := s.open(newEngine(t, Options{NoBuild: true}), "x")
			defer o.Close()
			p := make([]byte, 300_000)
			for off := 0; off < len(s.want); off += len(p) {
				p = p[:min(len(p), len(s.want)-off)]
				if err := o.ReadAt(t.Context(), p, int64(off)); err != nil || !bytes.Equal(p, s.want[off:off+len(p)]) {
					t.Fatalf("at %d: %v", off, err)
				}
			}
			if n, complete := o.Indexed(); n != 0 || complete {
				t.Errorf("%d bytes are indexed", n)
			}
		})
	}
}

// The last bytes of a disk are zeros more often than not.
func TestZerosAtTheEndAreKnown(t *testing.T) {
	m := made()
	for _, s := range []sample{{"zlib", Zlib, m.zlib, m.plain}} {
		o := s.open(newEngine(t, Options{}), "x")
		build(t, o, o.Length())
		if _, n := o.index.NextZero(o.Length()-90_000, o.Length()-90_000+64<<10); n != 64<<10 {
			t.Errorf("%s: not known", s.name)
		}
		o.Close()
	}
}

func TestReadsOutsideTheObjectAreRefused(t *testing.T) {
	s := samples(t)[1]
	o := s.open(newEngine(t, Options{}), "x")
	defer o.Close()
	for _, off := range []int64{-1, -1 << 63, o.Length() + 1, o.Length() - 9, 1<<63 - 1} {
		if err := o.ReadAt(t.Context(), make([]byte, 10), off); err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("a read at %d: %v", off, err)
		}
	}
	if err := o.ReadAt(t.Context(), nil, o.Length()); err != nil {
		t.Errorf("nothing at the end: %v", err)
	}
}

func TestAnObjectIsCheckedToItsEnd(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			o := s.open(newEngine(t, Options{}), "x")
			defer o.Close()
			var got []byte
			if oddEnd, err := o.Check(t.Context(), func(p []byte) { got = append(got, p...) }); errors.Join(oddEnd, err) != nil || string(got) != string(s.want) {
				t.Fatalf("%d bytes of %d: %v", len(got), len(s.want), err)
			}
		})
	}
}

var _ stream.Observer = (*observed)(nil)
