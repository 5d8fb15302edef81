package inflate

import (
	"bytes"
	stdflate "compress/flate"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"sort"
	"sync"
	"testing"

	kpflate "github.com/klauspost/compress/flate"
)

// benchInput is the file that RESTOREFS_BENCH_IMAGE names, compressed (a file
// that starts like a zlib stream is taken as it is), or generated data.
var benchInput = sync.OnceValues(func() ([]byte, int64) {
	want := diskLike(32<<20, 1)
	if name := os.Getenv("RESTOREFS_BENCH_IMAGE"); name != "" {
		b, err := os.ReadFile(name)
		if err != nil {
			panic(err)
		}
		d := New(&memory{b: b}, Options{NoChecksum: true})
		defer d.Close()
		if n, err := d.Skip(context.Background(), 1<<50); err == io.EOF {
			return b, n
		}
		want = b
	}
	return compress(&testing.B{}, want, 6), int64(len(want))
})

// BenchmarkDecode: run with RESTOREFS_BENCH_IMAGE and -benchtime 3x.
func BenchmarkDecode(b *testing.B) {
	stored, size := benchInput()
	src := &memory{b: stored}
	ctx := context.Background()
	p := make([]byte, 1<<20)
	skip := func(opt Options) func() {
		return func() {
			d := New(src, opt)
			defer d.Close()
			if n, _ := d.Skip(ctx, size); n != size {
				b.Fatal(n)
			}
			if err := d.Finish(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	library := func(r io.Reader) {
		if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, p); n != size || err != nil {
			b.Fatal(n, err)
		}
	}
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"Skip", skip(Options{NoChecksum: true})},
		{"SkipAdler", skip(Options{})},
		{"SkipIndex", skip(Options{NoChecksum: true, Observer: &notes{}})},
		{"SkipWorkers2", skip(Options{NoChecksum: true, Workers: 2})},
		{"Read1MiB", func() {
			d := New(src, Options{NoChecksum: true})
			defer d.Close()
			for d.Offset() < size {
				if _, err := d.Read(ctx, p[:min(int64(len(p)), size-d.Offset())]); err != nil {
					b.Fatal(err)
				}
			}
		}},
		{"klauspost", func() { library(kpflate.NewReader(bytes.NewReader(stored[2:]))) }},
		{"compress/flate", func() { library(stdflate.NewReader(bytes.NewReader(stored[2:]))) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				c.run()
			}
		})
	}
}

// BenchmarkRandomRead reads 4 KiB at random offsets from the nearest checkpoint.
func BenchmarkRandomRead(b *testing.B) {
	stored, size := benchInput()
	src := &memory{b: stored}
	ctx := context.Background()
	var n notes
	d := New(src, Options{NoChecksum: true, Observer: &n})
	d.Skip(ctx, size)
	d.Close()
	r := rand.New(rand.NewPCG(1, 1))
	p := make([]byte, 4096)
	for b.Loop() {
		off := r.Int64N(size-4096) &^ 4095
		i := sort.Search(len(n.points), func(i int) bool { return n.points[i].Out > off }) - 1
		d := New(src, Options{NoChecksum: true})
		if i >= 0 {
			d.Close()
			var err error
			if d, err = Resume(src, n.points[i], Options{}); err != nil {
				b.Fatal(err)
			}
		}
		d.Skip(ctx, off-d.Offset())
		if _, err := d.Read(ctx, p); err != nil {
			b.Fatal(err)
		}
		d.Close()
	}
}
