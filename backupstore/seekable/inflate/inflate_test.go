package inflate

import (
	"bytes"
	stdflate "compress/flate"
	stdzlib "compress/zlib"
	"context"
	"errors"
	"hash/adler32"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// memory is a Source over bytes; reads may be made to fail.
type memory struct {
	b    []byte
	fail func(off int64) error
}

func (m *memory) Size() int64 { return int64(len(m.b)) }

func (m *memory) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if m.fail != nil {
		if err := m.fail(off); err != nil {
			return 0, err
		}
	}
	return bytes.NewReader(m.b).ReadAt(p, off)
}

// notes is an Observer that keeps everything.
type notes struct {
	points []stream.Checkpoint
	zeros  []stream.Range
}

func (n *notes) Checkpoint(cp stream.Checkpoint) { n.points = append(n.points, cp) }
func (n *notes) Zeros(off, length int64) {
	n.zeros = append(n.zeros, stream.Range{Off: int(off), Len: int(length)})
}

// diskLike makes n bytes that compress like a disk: zeros, text, tables of
// records, noise, repeated blocks.
func diskLike(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	words := make([]string, 500)
	for i := range words {
		w := make([]byte, 2+r.IntN(9))
		for j := range w {
			w[j] = "etaoinshrdlucmfwypvbgkjqxz_.:/ "[int(31*r.Float64()*r.Float64())]
		}
		words[i] = string(w)
	}
	b := make([]byte, 0, n+1<<20)
	for len(b) < n {
		size := 1<<10 + r.IntN(100<<10)
		switch r.IntN(8) {
		case 0:
			b = append(b, make([]byte, 4*size)...)
		case 1, 2, 3:
			for end := len(b) + size; len(b) < end; {
				b = append(b, words[int(500*r.Float64()*r.Float64())]...)
				b = append(b, ' ')
			}
		case 4, 5:
			for i := range size / 16 {
				b = append(b, byte(i), byte(i>>8), 0, 0, byte(r.IntN(4)), 0x48, 0x8b, byte(r.IntN(256)),
					0, 0, 0, byte(r.IntN(20)), 0xff, 0xff, 0, byte(r.IntN(2)))
			}
		case 6:
			for range size / 4 {
				v := r.Uint32()
				b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
			}
		case 7:
			if len(b) > size {
				from := r.IntN(len(b) - size)
				b = append(b, b[from:from+size]...)
			}
		}
	}
	return b[:n]
}

// compress makes a zlib stream with the standard library's encoder.
func compress(t testing.TB, b []byte, level int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := stdzlib.NewWriterLevel(&buf, level)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// wrap makes a zlib stream of DEFLATE data that decodes to b.
func wrap(deflate, b []byte) []byte {
	sum := adler32.Checksum(b)
	s := append([]byte{0x78, 0x9c}, deflate...)
	return append(s, byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum))
}

func deflate(t testing.TB, level int, parts ...[]byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := stdflate.NewWriter(&buf, level)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		w.Write(p)
		w.Flush() // ends in an empty stored block
	}
	w.Close()
	return buf.Bytes()
}

// readAll decodes to the end in pieces of the given size and finishes.
func readAll(d stream.Decoder, piece int) ([]byte, error) {
	ctx := context.Background()
	var all []byte
	p := make([]byte, piece)
	for {
		n, err := d.Read(ctx, p)
		all = append(all, p[:n]...)
		if err == io.EOF {
			return all, d.Finish(ctx)
		}
		if err != nil {
			return all, err
		}
		if n != len(p) {
			return all, errors.New("short read without an error")
		}
	}
}

// eachLoop runs a test with the fastest loop of this processor, with Go's fast loop, and without
// either.
func eachLoop(t *testing.T, f func(t *testing.T, use loops)) {
	t.Run("fastest", func(t *testing.T) { f(t, allLoops) })
	if hasLoop {
		t.Run("portable", func(t *testing.T) { f(t, portable) })
	}
	t.Run("careful", func(t *testing.T) { f(t, onlyCareful) })
}

func sample(t testing.TB) map[string]struct{ stored, want []byte } {
	disk := diskLike(600<<10, 7)
	m := map[string]struct{ stored, want []byte }{
		"nothing":                   {compress(t, nil, 6), nil},
		"one byte":                  {compress(t, []byte{'x'}, 6), []byte{'x'}},
		"only stored blocks":        {compress(t, disk, 0), disk},
		"fastest level":             {compress(t, disk, 1), disk},
		"default level":             {compress(t, disk, 6), disk},
		"best level":                {compress(t, disk, 9), disk},
		"only huffman codes":        {compress(t, disk, stdflate.HuffmanOnly), disk},
		"zeros":                     {compress(t, make([]byte, 4<<20), 6), make([]byte, 4<<20)},
		"many flushes":              {wrap(deflate(t, 6, disk[:10], nil, nil, disk[10:100000], nil, disk[100000:]), disk), disk},
		"fixed code":                {wrap(deflate(t, 6, []byte("abc")), []byte("abc")), []byte("abc")},
		"bytes behind the stream":   {append(compress(t, disk[:50000], 6), "behind"...), disk[:50000]},
		"a run of another byte":     {compress(t, bytes.Repeat([]byte{0xa5}, 300000), 6), bytes.Repeat([]byte{0xa5}, 300000)},
		"far and near short cycles": {},
	}
	var cycles []byte
	for period := 1; period < 40; period++ {
		cycles = append(cycles, bytes.Repeat(disk[period*1000:period*1000+period], 2000/period)...)
	}
	m["far and near short cycles"] = struct{ stored, want []byte }{compress(t, cycles, 9), cycles}
	return m
}

func TestStreamsOfAllKindsDecode(t *testing.T) {
	for name, s := range sample(t) {
		t.Run(name, func(t *testing.T) {
			eachLoop(t, func(t *testing.T, use loops) {
				for _, piece := range []int{1 << 20, 1013} {
					d := New(&memory{b: s.stored}, Options{})
					d.loops = use
					got, err := readAll(d, piece)
					if err != nil || !bytes.Equal(got, s.want) {
						t.Fatalf("pieces of %d: %d bytes, want %d, error %v", piece, len(got), len(s.want), err)
					}
					if d.Offset() != int64(len(s.want)) {
						t.Fatalf("offset %d at the end, want %d", d.Offset(), len(s.want))
					}
					d.Close()
				}
			})
		})
	}
}

func TestEveryCheckpointResumes(t *testing.T) {
	ctx := context.Background()
	for name, s := range sample(t) {
		t.Run(name, func(t *testing.T) {
			eachLoop(t, func(t *testing.T, use loops) {
				src := &memory{b: s.stored}
				var n notes
				d := New(src, Options{Observer: &n, Spacing: minSpacing})
				d.loops = use
				if got, err := readAll(d, 100000); err != nil || !bytes.Equal(got, s.want) {
					t.Fatalf("first pass: error %v", err)
				}
				for _, z := range n.zeros {
					if !allZero(s.want[z.Off : z.Off+z.Len]) {
						t.Errorf("not zero: %v", z)
					}
				}
				for i, cp := range n.points {
					if i > 0 && cp.Out <= n.points[i-1].Out {
						t.Fatal("checkpoints out of order")
					}
					d, err := Resume(src, cp, Options{})
					if err != nil {
						t.Fatal(err)
					}
					d.loops = use
					got := make([]byte, min(len(s.want)-int(cp.Out), 100000))
					if _, err := d.Read(ctx, got); err != nil || !bytes.Equal(got, s.want[cp.Out:][:len(got)]) {
						t.Fatalf("resumed at %d: error %v or wrong bytes", cp.Out, err)
					}
					if i%10 == 0 {
						rest, err := readAll(d, 1<<20)
						if err != nil || !bytes.Equal(rest, s.want[int(cp.Out)+len(got):]) {
							t.Fatalf("resumed at %d: error %v or wrong bytes in the rest", cp.Out, err)
						}
					}
					d.Close()
				}
			})
		})
	}
}

func TestTruncatedStreamsFailAfterTheRightBytes(t *testing.T) {
	want := diskLike(300000, 3)
	stored := compress(t, want, 6)
	eachLoop(t, func(t *testing.T, use loops) {
		for cut := 0; cut < len(stored); cut += 1 + cut/20 + rand.IntN(5) {
			d := New(&memory{b: stored[:cut]}, Options{})
			d.loops = use
			got, err := readAll(d, 4096)
			var ce *stream.CorruptError
			if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.As(err, &ce) {
				t.Fatalf("cut at %d: error %v", cut, err)
			}
			if !bytes.HasPrefix(want, got) {
				t.Fatalf("cut at %d: wrong bytes", cut)
			}
			d.Close()
		}
	})
}

func TestSourceErrorsPassThrough(t *testing.T) {
	gone := errors.New("share is gone")
	stored := compress(t, diskLike(1500<<10, 4), 6)
	src := &memory{b: stored, fail: func(off int64) error {
		if off > 100000 {
			return gone
		}
		return nil
	}}
	d := New(src, Options{})
	defer d.Close()
	_, err := readAll(d, 1<<16)
	if !errors.Is(err, gone) {
		t.Fatalf("error %v", err)
	}
	src.fail = nil
	if _, again := d.Read(context.Background(), make([]byte, 1)); again != err {
		t.Fatalf("a dead decoder returned %v", again)
	}
}

func TestCancelledReadsContinue(t *testing.T) {
	want := diskLike(1500<<10, 5)
	src := &memory{b: compress(t, want, 6)}
	ctx, cancel := context.WithCancel(context.Background())
	src.fail = func(off int64) error {
		if off > 200000 {
			cancel()
			return ctx.Err()
		}
		return nil
	}
	d := New(src, Options{})
	defer d.Close()
	got := make([]byte, len(want))
	n, err := d.Read(ctx, got)
	if !errors.Is(err, context.Canceled) || n == 0 || d.Offset() != int64(n) {
		t.Fatalf("read %d, error %v", n, err)
	}
	src.fail = nil
	if _, err := d.Read(context.Background(), got[n:]); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("continued: error %v or wrong bytes", err)
	}
	if err := d.Finish(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestAdlerEqualsReference(t *testing.T) {
	b := diskLike(200<<10, 6)
	for i := range 2000 {
		b[i] = 0xff
	}
	s := adler{a: 1}
	for off := 0; off < len(b); {
		n := min(rand.IntN(5000), len(b)-off)
		s.add(b[off : off+n])
		off += n
		if s.sum() != adler32.Checksum(b[:off]) {
			t.Fatalf("wrong sum of %d bytes", off)
		}
	}
}
