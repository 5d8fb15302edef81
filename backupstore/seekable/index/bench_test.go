package index

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// sparseStates imitates States for zlib: some 250 short ranges of real files in
// a window of 32 KiB.
func sparseStates(b *testing.B, n int) (states [][]byte, bytes int64) {
	files, _ := filepath.Glob("/usr/bin/*")
	r := rand.New(rand.NewPCG(3, 3))
	for len(states) < n {
		if len(files) == 0 {
			b.Skip("no files to imitate a window with")
		}
		p, err := os.ReadFile(files[r.IntN(len(files))])
		if err != nil || len(p) < 64<<10 {
			continue
		}
		p = p[r.IntN(len(p)-32<<10):][:32<<10]
		used := make([]stream.Range, 0, 255)
		for off := r.IntN(100); off < len(p)-100 && len(used) < 255; off += 20 + r.IntN(200) {
			used = append(used, stream.Range{Off: off, Len: 3 + r.IntN(17)})
		}
		state := stream.AppendWindow(binary.AppendUvarint(nil, 7), p, used)
		states, bytes = append(states, state), bytes+int64(len(state))
	}
	return states, bytes
}

// BenchmarkPack compares codecs for records; newCodec says what was chosen.
func BenchmarkPack(b *testing.B) {
	states, bytes := sparseStates(b, 200)
	run := func(name string, f func(dst, src []byte) []byte) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(bytes)
			var packed int
			dst := make([]byte, 0, 1<<20)
			for b.Loop() {
				packed = 0
				for _, s := range states {
					packed += len(f(dst[:0], s))
				}
			}
			b.ReportMetric(float64(packed)/float64(bytes), "ratio")
		})
	}
	for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault, zstd.SpeedBetterCompression} {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true), zstd.WithWindowSize(1<<17))
		if err != nil {
			b.Fatal(err)
		}
		run("zstd-"+level.String(), func(dst, src []byte) []byte { return e.EncodeAll(src, dst) })
	}
	run("s2-better", func(dst, src []byte) []byte { return s2.EncodeBetter(dst[:cap(dst)], src) })
	run("s2-best", func(dst, src []byte) []byte { return s2.EncodeBest(dst[:cap(dst)], src) })
}

func benchIndex(b *testing.B) *Index {
	states, _ := sparseStates(b, 200)
	s, err := OpenStore(b.TempDir(), 1<<30, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	key := testKey("o")
	key.DecodedBytes, key.StoredBytes = 2<<30, 1<<30
	x := s.Index(key)
	builder, _ := x.TryBuild()
	for i := range 4096 {
		builder.Checkpoint(stream.Checkpoint{In: int64(i) * 1e6, Out: int64(i) * spacing, State: states[i%len(states)]})
	}
	builder.Complete()
	builder.Close()
	return x
}

func BenchmarkBefore(b *testing.B) {
	x := benchIndex(b)
	defer x.Close()
	r := rand.New(rand.NewPCG(4, 4))
	for b.Loop() {
		x.Before(r.Int64N(2 << 30))
	}
}

func BenchmarkCheckpoint(b *testing.B) {
	x := benchIndex(b)
	defer x.Close()
	r := rand.New(rand.NewPCG(4, 4))
	for b.Loop() {
		e, _ := x.Before(r.Int64N(2 << 30))
		if _, err := x.Checkpoint(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	states, _ := sparseStates(b, 200)
	s, err := OpenStore(b.TempDir(), 1<<40, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	key := testKey("o")
	key.DecodedBytes, key.StoredBytes = 1<<60, 1<<60
	x := s.Index(key)
	defer x.Close()
	builder, _ := x.TryBuild()
	defer builder.Close()
	i := int64(0)
	for b.Loop() {
		builder.Checkpoint(stream.Checkpoint{In: i * 1e6, Out: i * spacing, State: states[i%200]})
		i++
	}
}

func BenchmarkLoad(b *testing.B) {
	x := benchIndex(b)
	x.Close()
	for b.Loop() {
		y := x.store.Index(x.key)
		if !y.Complete() {
			b.Fatal("not there")
		}
		y.Close()
	}
}
