package bunzip2

import (
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// stored is a stream.Source in memory.
type stored []byte

func (s stored) Size() int64 { return int64(len(s)) }

func (s stored) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return bytes.NewReader(s).ReadAt(p, off)
}

// notes is a stream.Observer that remembers everything.
type notes struct {
	t           testing.TB
	checkpoints []stream.Checkpoint
	zeros       [][2]int64
	last        int64
}

func (o *notes) Checkpoint(cp stream.Checkpoint) {
	o.inOrder(cp.Out)
	o.checkpoints = append(o.checkpoints, cp)
}

func (o *notes) Zeros(off, n int64) {
	o.inOrder(off)
	o.zeros = append(o.zeros, [2]int64{off, n})
}

func (o *notes) inOrder(off int64) {
	if off < o.last {
		o.t.Errorf("observer called for %d after %d", off, o.last)
	}
	o.last = off
}

// readAll reads to the end, in pieces of the given size.
func readAll(d *Decoder, piece int) ([]byte, error) {
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
	}
}

// random returns n bytes of what disks hold: text, noise, runs, zeros.
func random(r *rand.Rand, n int) []byte {
	unit := n/16 + 1 // many of each kind
	words := strings.Fields("the operator restores volume snapshots at night while nobody is watching 0000000000 aaaaaa")
	var b []byte
	for len(b) < n {
		switch r.IntN(5) {
		case 0:
			for range r.IntN(unit) {
				b = append(b, byte(r.Uint32()))
			}
		case 1:
			b = append(b, bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(unit))...)
		case 2:
			b = append(b, make([]byte, r.IntN(unit))...)
		default:
			for range r.IntN(unit/4 + 1) {
				b = append(append(b, words[r.IntN(len(words))]...), ' ')
			}
		}
	}
	return b[:n]
}

type sample struct {
	name   string
	stored []byte
	data   []byte
}

// samples returns streams that Python's bz2 has made (testdata) and some of the
// tests' own encoder.
func samples(t testing.TB) []sample {
	files, err := filepath.Glob("testdata/*.bz2")
	if err != nil || len(files) == 0 {
		t.Fatal("no files in testdata", err)
	}
	var list []sample
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(b)))
		if err != nil {
			t.Fatal(file, err)
		}
		list = append(list, sample{filepath.Base(file), b, data})
	}
	r := rand.New(rand.NewPCG(1, 2))
	for trees := 2; trees <= 6; trees++ {
		data := random(r, 1<<trees*1500)
		list = append(list, sample{fmt.Sprint(trees, " trees"), encode(data, 1, 10_000, trees), data})
	}
	var both []byte
	for _, s := range list[len(list)-2:] {
		both = append(both, s.data...)
	}
	list = append(list,
		sample{"several streams", slices.Concat(list[len(list)-2].stored, encode(nil, 3, 1, 2), list[len(list)-1].stored), both},
		sample{"periodic rows", encode([]byte(strings.Repeat("abc", 9000)), 9, 900_000, 2), []byte(strings.Repeat("abc", 9000))})
	return list
}

func TestReadsWhatTheReferenceReads(t *testing.T) {
	bufs := new(Buffers)
	for _, s := range samples(t) {
		for _, workers := range []int{0, 3} {
			for _, piece := range []int{1 << 20, 4096, 77} {
				if len(s.data) > 1<<20 && (piece < 1<<20 || workers > 0) {
					continue
				}
				t.Run(fmt.Sprintf("%s, pieces of %d, %d workers", s.name, piece, workers), func(t *testing.T) {
					o := &notes{t: t}
					d := New(stored(s.stored), Options{Observer: o, Workers: workers, Buffers: bufs})
					defer d.Close()
					got, err := readAll(d, piece)
					if err != nil || !bytes.Equal(got, s.data) {
						t.Fatalf("%d bytes, %v; want %d equal bytes", len(got), err, len(s.data))
					}
					for _, z := range o.zeros {
						if z[1] < minZeros || len(bytes.Trim(s.data[z[0]:z[0]+z[1]], "\x00")) != 0 {
							t.Errorf("not %d zeros at %d", z[1], z[0])
						}
					}
				})
			}
		}
	}
}

func TestReadsAnyRangeFromAnyCheckpoint(t *testing.T) {
	ctx := context.Background()
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			o := &notes{t: t}
			bufs := new(Buffers)
			d := New(stored(s.stored), Options{Observer: o, Buffers: bufs})
			if n, err := d.Skip(ctx, 1<<40); n != int64(len(s.data)) || err != io.EOF {
				t.Fatalf("skipped %d, %v; want %d", n, err, len(s.data))
			}
			if err := d.Finish(ctx); err != nil {
				t.Fatal(err)
			}
			d.Close()
			// About equally many ranges for a sample of few blocks as of many.
			for i := range max(len(o.checkpoints), min(8, 4*len(s.stored))) {
				if len(o.checkpoints) == 0 {
					break
				}
				cp := o.checkpoints[i%len(o.checkpoints)]
				d, err := Resume(stored(s.stored), cp, Options{Buffers: bufs, Workers: i % 4 / 3 * 2})
				if err != nil {
					t.Fatal(err)
				}
				for range 4 {
					at := d.Offset()
					skip := r.Int64N(min(int64(len(s.data))-at, 300_000) + 1)
					if n, err := d.Skip(ctx, skip); n != skip || err != nil || d.Offset() != at+skip {
						t.Fatalf("skip %d at %d: %d, %v", skip, at, n, err)
					}
					at += skip
					p := make([]byte, r.Int64N(200_000))
					n, err := d.Read(ctx, p)
					want := s.data[at:min(at+int64(len(p)), int64(len(s.data)))]
					if n < len(p) && err != io.EOF || n == len(p) && err != nil || !bytes.Equal(p[:n], want) {
						t.Fatalf("read %d at %d: %d, %v", len(p), at, n, err)
					}
				}
				d.Close()
			}
		})
	}
}

func TestRefusesImpossibleCheckpoints(t *testing.T) {
	ctx := context.Background()
	data := random(rand.New(rand.NewPCG(5, 6)), 50_000)
	src := stored(encode(data, 1, 5_000, 3))
	o := &notes{t: t}
	d := New(src, Options{Observer: o})
	if _, err := readAll(d, 1000); err != nil {
		t.Fatal(err)
	}
	good := o.checkpoints[1]
	for name, cp := range map[string]stream.Checkpoint{
		"negative place":        {In: -1, Out: good.Out, State: good.State},
		"negative offset":       {In: good.In, Out: -1, State: good.State},
		"place after the end":   {In: src.Size()*8 + 1, Out: good.Out, State: good.State},
		"end of the object":     {In: src.Size() * 8, Out: good.Out, State: good.State},
		"end of the stream":     {In: d.next, Out: good.Out, State: good.State},
		"no block there":        {In: good.In + 1, Out: good.Out, State: good.State},
		"header of the stream":  {In: 0, Out: good.Out, State: good.State},
		"no state":              {In: good.In, Out: good.Out},
		"level 0":               {In: good.In, Out: good.Out, State: []byte("0")},
		"state too long":        {In: good.In, Out: good.Out, State: []byte("99")},
		"huge place":            {In: 1 << 62, Out: good.Out, State: good.State},
		"state of another kind": {In: good.In, Out: good.Out, State: []byte{9}},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Resume(src, cp, Options{})
			if err == nil {
				var n int
				n, err = d.Read(ctx, make([]byte, 10))
				if n != 0 {
					t.Error("bytes from nowhere")
				}
				d.Close()
			}
			if !errors.Is(err, stream.ErrCorrupt) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal("error", err)
			}
		})
	}
}

func TestTruncatedObjectIsUnexpectedEOF(t *testing.T) {
	data := random(rand.New(rand.NewPCG(7, 8)), 900)
	whole := encode(data, 1, 300, 2)
	bufs := new(Buffers)
	for n := range whole {
		got, err := readAll(New(stored(whole[:n]), Options{Buffers: bufs}), 1000)
		if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasPrefix(data, got) {
			t.Fatalf("cut to %d of %d: %d bytes, %v", n, len(whole), len(got), err)
		}
	}
}

func TestDamageIsNeverReadAsData(t *testing.T) {
	data := random(rand.New(rand.NewPCG(9, 10)), 300)
	whole := encode(data, 1, 110, 3)
	bufs := new(Buffers)
	for bit := 0; bit < len(whole)*8; bit += 3 { // comes to each bit of a byte
		bad := slices.Clone(whole)
		bad[bit/8] ^= 0x80 >> (bit % 8)
		got, err := readAll(New(stored(bad), Options{Buffers: bufs}), 700)
		if !bytes.HasPrefix(data, got) {
			t.Fatalf("bit %d: wrong bytes", bit)
		}
		// compress/bzip2 accepts incomplete Huffman codes that bzip2 refuses, so
		// only one direction can be compared.
		if _, wantErr := io.ReadAll(bzip2.NewReader(bytes.NewReader(bad))); err == nil && wantErr != nil {
			t.Fatalf("bit %d: accepted; reference: %v", bit, wantErr)
		}
		if err == nil && len(got) != len(data) ||
			err != nil && !errors.Is(err, stream.ErrCorrupt) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("bit %d: %d bytes, %v", bit, len(got), err)
		}
	}
}

func TestBytesAfterTheStreamAreAllowed(t *testing.T) {
	whole := encode([]byte("hello"), 9, 100, 2)
	for _, tail := range []string{"x", "BZ", "BZh", "BZh0 is no level", "trailing garbage", strings.Repeat("\x00", 1000)} {
		d := New(stored(append(slices.Clone(whole), tail...)), Options{})
		if got, err := readAll(d, 100); err != nil || string(got) != "hello" {
			t.Errorf("%.20q: %q, %v", tail, got, err)
		}
		d.Close()
	}
	d := New(stored(append(slices.Clone(whole), "BZh9 no block"...)), Options{})
	if got, err := readAll(d, 100); !errors.Is(err, stream.ErrCorrupt) || string(got) != "hello" {
		t.Errorf("stream with a header only: %q, %v", got, err)
	}
}

func TestFinishBeforeTheEndIsAnError(t *testing.T) {
	d := New(stored(encode([]byte("hello, world"), 9, 100, 2)), Options{})
	if _, err := d.Read(context.Background(), make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if err := d.Finish(context.Background()); !errors.Is(err, stream.ErrCorrupt) {
		t.Fatal(err)
	}
	if _, err := d.Read(context.Background(), make([]byte, 5)); !errors.Is(err, stream.ErrCorrupt) {
		t.Fatal("not dead:", err)
	}
}

// broken fails after the first bytes.
type broken struct {
	stored
	good int
	err  error
}

func (b broken) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	n := copy(p, b.stored[min(int(off), b.good):b.good])
	return n, b.err
}

func TestSourceErrorIsWrapped(t *testing.T) {
	failure := errors.New("share is gone")
	whole := encode(random(rand.New(rand.NewPCG(9, 10)), 30000), 1, 10000, 3)
	for _, good := range []int{0, 3, 100, len(whole) / 2, len(whole) - 1} {
		d := New(broken{whole, good, failure}, Options{})
		if _, err := readAll(d, 700); !errors.Is(err, failure) {
			t.Errorf("after %d bytes: %v", good, err)
		}
		d.Close()
	}
}

func TestCancelledReadGoesOnLater(t *testing.T) {
	data := random(rand.New(rand.NewPCG(11, 12)), 100_000)
	for _, workers := range []int{0, 2} {
		d := New(stored(encode(data, 1, 5_000, 3)), Options{Workers: workers})
		var got []byte
		p := make([]byte, 7000)
		for i := 0; ; i++ {
			ctx, cancel := context.WithCancel(context.Background())
			if i%2 == 0 {
				cancel()
			}
			n, err := d.Read(ctx, p)
			got = append(got, p[:n]...)
			cancel()
			if d.Offset() != int64(len(got)) {
				t.Fatalf("offset %d after %d bytes", d.Offset(), len(got))
			}
			if err == io.EOF {
				break
			}
			if err != nil && (!errors.Is(err, context.Canceled) || i%2 != 0) {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, data) {
			t.Fatal("other bytes")
		}
		if d.MemoryBytes() <= 0 {
			t.Error("no memory")
		}
		d.Close()
	}
}

func TestZerosAreReportedAndNotExpandedWhenSkipped(t *testing.T) {
	ctx := context.Background()
	b, err := os.ReadFile("testdata/zeros-8m.bz2")
	if err != nil {
		t.Fatal(err)
	}
	o := &notes{t: t}
	d := New(stored(b), Options{Observer: o})
	defer d.Close()
	if n, err := d.Skip(ctx, 8<<20-10); n != 8<<20-10 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := d.Skip(ctx, math.MaxInt64); n != 10 || err != io.EOF {
		t.Fatal(n, err)
	}
	d.Close()
	d = New(stored(b), Options{})
	if n, err := d.Skip(ctx, 8<<20-10); n != 8<<20-10 || err != nil {
		t.Fatal(n, err)
	}
	if d.MemoryBytes() > 2<<20 {
		t.Errorf("%d bytes of memory for zeros", d.MemoryBytes())
	}
	if got, err := readAll(d, 7); err != nil || string(got) != strings.Repeat("\x00", 10) {
		t.Fatalf("%q, %v", got, err)
	}
	total := int64(0)
	for _, z := range o.zeros {
		total += z[1]
	}
	if total < 8<<20-100 {
		t.Errorf("%d zeros reported in %v", total, o.zeros)
	}
}
