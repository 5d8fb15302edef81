package seekable

import (
	"bytes"
	"compress/bzip2"
	"compress/zlib"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/restorefs/restorefs/backupstore/seekable/index"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// source is a stored object in memory that can be watched and disturbed.
type source struct {
	b      []byte
	before func(ctx context.Context, n int, off int64) error // may be nil
}

func (s *source) Size() int64 { return int64(len(s.b)) }

func (s *source) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if s.before != nil {
		if err := s.before(ctx, len(p), off); err != nil {
			return 0, err
		}
	}
	return bytes.NewReader(s.b).ReadAt(p, off)
}

// sample is a stored object and what it has to decode to.
type sample struct {
	name   string
	alg    Algorithm
	stored []byte
	want   []byte
}

func (s sample) open(e *Engine, id string) *Object {
	return e.NewObject(&source{b: s.stored}, s.alg, int64(len(s.want)), Identity{Path: id})
}

// words is text that compresses as much as people's.
func words(rng *rand.Rand, n int) []byte {
	var list [64][]byte
	for i := range list {
		list[i] = make([]byte, 2+rng.IntN(8))
		for j := range list[i] {
			list[i][j] = 'a' + byte(rng.IntN(20))
		}
	}
	var b []byte
	for len(b) < n {
		b = append(append(b, list[rng.IntN(len(list))]...), ' ')
	}
	return b[:n]
}

func noise(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// disk is a MiB of zeros with data around it.
func disk() []byte {
	rng := rand.New(rand.NewPCG(1, 1))
	return bytes.Join([][]byte{
		words(rng, 500_000), noise(rng, 100_000), make([]byte, 70_000), words(rng, 600_000), make([]byte, 1<<20),
		noise(rng, 50_000), words(rng, 600_001), make([]byte, 100_000),
	}, nil)
}

func deflated(t testing.TB, level, flush int, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, level)
	for err == nil && len(b) > 0 {
		n := min(flush, len(b))
		if _, err = w.Write(b[:n]); err == nil && n < len(b) {
			err = w.Flush() // an empty stored block
		}
		b = b[n:]
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstandard(t testing.TB, b []byte, opts ...zstd.EOption) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, append(opts, zstd.WithEncoderConcurrency(1))...)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(b, nil)
}

// python is an object that Python's own modules wrote, see testdata/make.py.
func python(t testing.TB, name string, alg Algorithm, decode func(io.Reader) (io.Reader, error)) sample {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	r, err := decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	want, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return sample{"Python's " + name, alg, b, want}
}

func pythons(t testing.TB) []sample {
	return []sample{
		python(t, "disk.zlib", Zlib, func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }),
		python(t, "disk.bz2", Bzip2, func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }),
		python(t, "disk.zst", Zstd, func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) }),
	}
}

// made is built once, it takes a while.
var made = sync.OnceValue(func() (m struct{ plain, zlib, flushed, stored, zstd, best []byte }) {
	t := &testing.T{}
	m.plain = disk()
	m.zlib = deflated(t, 6, 1<<30, m.plain)
	m.flushed = deflated(t, 1, 3001, m.plain)
	m.stored = deflated(t, 0, 1<<30, m.plain)
	m.zstd = zstandard(t, m.plain, zstd.WithEncoderCRC(false))
	m.best = zstandard(t, m.plain, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(1<<20))
	return m
})

func samples(t testing.TB) []sample {
	t.Helper()
	m := made()
	one := []byte{7}
	list := []sample{
		{"raw", Raw, m.plain, m.plain},
		{"zlib", Zlib, m.zlib, m.plain},
		{"zlib with empty stored blocks", Zlib, m.flushed, m.plain},
		{"zlib of stored blocks", Zlib, m.stored, m.plain},
		{"zlib of one byte", Zlib, deflated(t, 6, 1, one), one},
		{"zlib of nothing", Zlib, deflated(t, 6, 1, nil), nil},
		{"zstd", Zstd, m.zstd, m.plain},
		{"zstd with a checksum and a small window", Zstd, m.best, m.plain},
		{"zstd of one byte", Zstd, zstandard(t, one), one},
	}
	return append(list, pythons(t)...)
}

// indexedSamples are those that have an index, one for each algorithm.
func indexedSamples(t testing.TB) []sample {
	t.Helper()
	m := made()
	return append([]sample{{"zlib", Zlib, m.zlib, m.plain}, {"zstd", Zstd, m.zstd, m.plain}}, pythons(t)[1])
}

// newEngine returns an Engine of which nothing must be left after the test.
func newEngine(t testing.TB, o Options) *Engine {
	t.Helper()
	if o.MemoryBytes == 0 {
		o.MemoryBytes = 64 << 20
	}
	e := NewEngine(o)
	t.Cleanup(func() {
		e.Close()
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.held != 0 || e.parked.Len() != 0 || e.waiting.Len() != 0 {
			t.Errorf("%d bytes held, %d decoders parked, %d readers wait at the end", e.held, e.parked.Len(), e.waiting.Len())
		}
	})
	return e
}

func openStore(t testing.TB, dir string) *index.Store {
	t.Helper()
	s, err := index.OpenStore(dir, 1<<30, discard)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// openFiles are the files below dir that this process has open.
func openFiles(t testing.TB, dir string) (names []string) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		need.Missing(t, "needs /proc")
	}
	for _, fd := range fds {
		if name, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(name, dir+"/") {
			names = append(names, name)
		}
	}
	return names
}

// reader reads random ranges of an object.
type reader struct {
	rng  *rand.Rand
	want []byte
	buf  []byte
}

func newReader(seed uint64, want []byte) *reader {
	return &reader{rng: rand.New(rand.NewPCG(seed, 2)), want: want}
}

// next chooses a range: mostly a page or some, seldom much, also none.
func (r *reader) next() (off int64, n int) {
	off = r.rng.Int64N(int64(len(r.want)) + 1)
	n = 1 << r.rng.IntN(19)
	if r.rng.IntN(3) > 0 {
		n = 1 << r.rng.IntN(14)
	}
	return off, min(n-r.rng.IntN(n), len(r.want)-int(off))
}

// check reads a range and reports whether it is right.
func (r *reader) check(ctx context.Context, o *Object, off int64, n int) (bool, error) {
	if cap(r.buf) < n {
		r.buf = make([]byte, n)
	}
	p := r.buf[:n]
	for i := range p {
		p[i] = 0xa5
	}
	if err := o.ReadAt(ctx, p, off); err != nil {
		return false, err
	}
	return bytes.Equal(p, r.want[off:off+int64(n)]), nil
}

// observed notes what a decoder reports.
type observed struct {
	checkpoints []stream.Checkpoint
	zeros       [][2]int64
}

func (o *observed) Checkpoint(c stream.Checkpoint) { o.checkpoints = append(o.checkpoints, c) }
func (o *observed) Zeros(off, n int64)             { o.zeros = append(o.zeros, [2]int64{off, n}) }
