package seekable

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/seekable/index"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// subject is what a benchmark reads.
type subject struct {
	name   string
	alg    Algorithm
	src    stream.Source
	length int64
}

// file is a stored object on disk.
type file struct {
	f    *os.File
	size int64
}

func (f *file) Size() int64 { return f.size }
func (f *file) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	return f.f.ReadAt(p, off)
}

// subjects are generated, or the files that RESTOREFS_BENCH_IMAGE names,
// separated by colons: NAME.zlib, NAME.zst or NAME.bz2, one compressed object
// each.
func subjects(b *testing.B) (list []subject) {
	names := os.Getenv("RESTOREFS_BENCH_IMAGE")
	if names == "" {
		for _, s := range indexedSamples(b) {
			list = append(list, subject{s.name, s.alg, &source{b: s.stored}, int64(len(s.want))})
		}
		return list
	}
	for _, name := range strings.Split(names, ":") {
		alg := Zlib
		switch {
		case strings.HasSuffix(name, ".bz2"):
			alg = Bzip2
		case strings.HasSuffix(name, ".zst"):
			alg = Zstd
		}
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { f.Close() })
		size, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			b.Fatal(err)
		}
		src := &file{f, size}
		list = append(list, subject{[]string{Zlib: "zlib", Bzip2: "bzip2", Zstd: "zstd"}[alg], alg, src, decodedLength(b, alg, src)})
	}
	return list
}

func decodedLength(b *testing.B, alg Algorithm, src stream.Source) int64 {
	d := newDecoder(alg, src, settings{buffers: &NewEngine(Options{}).buffers, workers: 1})
	defer d.Close()
	n, err := d.Skip(b.Context(), 1<<62)
	if err != io.EOF {
		b.Fatal(err)
	}
	return n
}

func (s subject) open(b *testing.B, e *Engine) *Object {
	o := e.NewObject(s.src, s.alg, s.length, Identity{Path: s.name})
	b.Cleanup(o.Close)
	return o
}

func benchEngine(b *testing.B, store *index.Store, workers int) *Engine {
	e := NewEngine(Options{MemoryBytes: 128 << 20, Workers: workers, Indexes: store})
	b.Cleanup(e.Close)
	return e
}

func buildAll(b *testing.B, o *Object) {
	for {
		if done, err := o.Build(b.Context(), 64<<20); done || err != nil {
			if err != nil {
				b.Fatal(err)
			}
			return
		}
	}
}

// cpuTime is what this process has used.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// reportCPU reports the speed in CPU time since start, which other load on the
// machine disturbs less.
func reportCPU(b *testing.B, start time.Duration, bytes int64) {
	b.ReportMetric(float64(bytes)*float64(b.N)/1e6/(cpuTime(b)-start).Seconds(), "cpu-MB/s")
}

// BenchmarkRandom reads 4 KiB anywhere. It reports quantiles in milliseconds.
func BenchmarkRandom(b *testing.B) {
	for _, s := range subjects(b) {
		for _, where := range []string{"memory", "disk"} {
			b.Run(fmt.Sprintf("%s/index in %s", s.name, where), func(b *testing.B) {
				var store *index.Store
				if where == "disk" {
					store = openStore(b, b.TempDir())
					b.Cleanup(store.Close)
				}
				o := s.open(b, benchEngine(b, store, 1))
				buildAll(b, o)
				rng := rand.New(rand.NewPCG(1, 1))
				p := make([]byte, 4096)
				var took []time.Duration
				b.SetBytes(int64(len(p)))
				b.ReportAllocs()
				for b.Loop() {
					off := rng.Int64N(o.Length() - 4096)
					start := time.Now()
					if err := o.ReadAt(b.Context(), p, off); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(start))
				}
				slices.Sort(took)
				ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
				b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
				b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
			})
		}
	}
}

// BenchmarkNext reads 4 KiB where the read before has ended: what an Object adds
// to a decoder that stands in the right place.
func BenchmarkNext(b *testing.B) {
	for _, s := range subjects(b) {
		b.Run(s.name, func(b *testing.B) {
			o := s.open(b, benchEngine(b, nil, 1))
			buildAll(b, o)
			p := make([]byte, 4096)
			off := int64(0)
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				if off+4096 > o.Length() {
					off = 0
				}
				if err := o.ReadAt(b.Context(), p, off); err != nil {
					b.Fatal(err)
				}
				off += 4096
			}
		})
	}
}

// BenchmarkSequential reads an object from its start to its end: by a decoder
// alone, through an Object that builds the index on the way, and through one
// that has it.
func BenchmarkSequential(b *testing.B) {
	p := make([]byte, 1<<20)
	front := func(b *testing.B, length int64, read func(p []byte, off int64) error) {
		for off := int64(0); off < length; off += int64(len(p)) {
			if err := read(p[:min(int64(len(p)), length-off)], off); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, s := range subjects(b) {
		b.Run(s.name+"/decoder", func(b *testing.B) {
			e := benchEngine(b, nil, 1)
			b.SetBytes(s.length)
			start := cpuTime(b)
			defer func() { reportCPU(b, start, s.length) }()
			for b.Loop() {
				d := newDecoder(s.alg, s.src, settings{buffers: &e.buffers, workers: 1})
				front(b, s.length, func(p []byte, _ int64) error { _, err := d.Read(b.Context(), p); return err })
				d.Close()
			}
		})
		b.Run(s.name+"/index pass", func(b *testing.B) {
			e := benchEngine(b, nil, 1)
			b.SetBytes(s.length)
			start := cpuTime(b)
			defer func() { reportCPU(b, start, s.length) }()
			for b.Loop() {
				o := e.NewObject(s.src, s.alg, s.length, Identity{})
				front(b, s.length, func(p []byte, off int64) error { return o.ReadAt(b.Context(), p, off) })
				o.Close()
			}
		})
		b.Run(s.name+"/indexed", func(b *testing.B) {
			o := s.open(b, benchEngine(b, nil, 1))
			buildAll(b, o)
			b.SetBytes(s.length)
			start := cpuTime(b)
			defer func() { reportCPU(b, start, s.length) }()
			for b.Loop() {
				front(b, s.length, func(p []byte, off int64) error { return o.ReadAt(b.Context(), p, off) })
			}
		})
	}
}

// BenchmarkFirstTouch reads the last bytes of an object that has no index.
func BenchmarkFirstTouch(b *testing.B) {
	for _, s := range subjects(b) {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/%d cores", s.name, workers), func(b *testing.B) {
				e := benchEngine(b, nil, workers)
				p := make([]byte, 4096)
				b.SetBytes(s.length)
				for b.Loop() {
					o := e.NewObject(s.src, s.alg, s.length, Identity{})
					if err := o.ReadAt(b.Context(), p, s.length-4096); err != nil {
						b.Fatal(err)
					}
					o.Close()
				}
			})
		}
	}
}
