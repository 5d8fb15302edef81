package unzstd

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"math/rand"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// stored returns what the benchmarks decode: the file that UNZSTD_FILE names,
// else an image of 32 MiB compressed by klauspost's encoder.
func stored(b *testing.B) memory {
	if name := os.Getenv("UNZSTD_FILE"); name != "" {
		m, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		return m
	}
	return klauspost(b, image(1, 32<<20), zstd.WithWindowSize(2<<20), zstd.WithEncoderCRC(false))
}

func benchmarkDecode(b *testing.B, opt Options) {
	src := stored(b)
	ctx := context.Background()
	p := make([]byte, 1<<20)
	for b.Loop() {
		d := New(src, opt)
		var err error
		for err == nil {
			_, err = d.Read(ctx, p)
		}
		if err != io.EOF {
			b.Fatal(err)
		}
		b.SetBytes(d.Offset())
	}
}

func BenchmarkDecode(b *testing.B) { benchmarkDecode(b, Options{}) }

func BenchmarkDecodeKlauspost(b *testing.B) {
	src := stored(b)
	p := make([]byte, 1<<20)
	for b.Loop() {
		d, err := zstd.NewReader(bytes.NewReader(src), zstd.WithDecoderConcurrency(1))
		if err != nil {
			b.Fatal(err)
		}
		n := int64(0)
		for err == nil {
			var c int
			c, err = io.ReadFull(d, p)
			n += int64(c)
		}
		d.Close()
		b.SetBytes(n)
	}
}

// nobody is an Observer that does nothing.
type nobody struct{}

func (nobody) Checkpoint(stream.Checkpoint) {}
func (nobody) Zeros(off, n int64)           {}

func BenchmarkIndex(b *testing.B) { benchmarkDecode(b, Options{Observer: nobody{}}) }

// benchmarkReads measures n bytes at random offsets, each from its checkpoint.
func benchmarkReads(b *testing.B, spacing int64, n int) {
	src := stored(b)
	ctx := context.Background()
	l := &log{t: b}
	d := New(src, Options{Observer: l, Spacing: spacing})
	if _, err := d.Skip(ctx, 1<<62); err != io.EOF {
		b.Fatal(err)
	}
	size := d.Offset()
	if len(l.cps) == 0 {
		b.Fatal("no checkpoints")
	}
	r := rand.New(rand.NewSource(1))
	p := make([]byte, n)
	b.SetBytes(int64(n))
	var took []time.Duration
	var memory, bytes int64
	for b.Loop() {
		off := l.cps[0].Out + r.Int63n(size-int64(n)-l.cps[0].Out)
		i, _ := slices.BinarySearchFunc(l.cps, off+1, func(c stream.Checkpoint, off int64) int { return cmp.Compare(c.Out, off) })
		start := time.Now()
		d, err := Resume(src, l.cps[i-1], Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Skip(ctx, off-d.Offset()); err != nil {
			b.Fatal(err)
		}
		if _, err := d.Read(ctx, p); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
		memory = max(memory, d.MemoryBytes())
		d.Close()
	}
	for _, cp := range l.cps {
		bytes += int64(len(cp.State))
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1e3, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1e3, "p99-ms")
	b.ReportMetric(float64(memory), "memory-B")
	b.ReportMetric(float64(bytes)/float64(len(l.cps)), "B/checkpoint")
}

func BenchmarkRandomRead4K(b *testing.B) { benchmarkReads(b, 0, 4096) }

// BenchmarkRead4KFromTheStart is what a random read costs without checkpoints.
func BenchmarkRead4KFromTheStart(b *testing.B) {
	src := stored(b)
	ctx := context.Background()
	d := New(src, Options{})
	if _, err := d.Skip(ctx, 1<<62); err != io.EOF {
		b.Fatal(err)
	}
	size := d.Offset()
	r := rand.New(rand.NewSource(1))
	p := make([]byte, 4096)
	b.SetBytes(4096)
	for b.Loop() {
		d := New(src, Options{})
		if _, err := d.Skip(ctx, r.Int63n(size-4096)); err != nil {
			b.Fatal(err)
		}
		if _, err := d.Read(ctx, p); err != nil {
			b.Fatal(err)
		}
		d.Close()
	}
}
