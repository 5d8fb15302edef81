package unzstd

import (
	"bytes"
	"context"
	"io"
	"os"
	"testing"

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
