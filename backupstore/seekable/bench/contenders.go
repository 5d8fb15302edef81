package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"

	"github.com/restorefs/restorefs/backupstore/seekable"
	"github.com/restorefs/restorefs/backupstore/seekable/bunzip2"
	"github.com/restorefs/restorefs/backupstore/seekable/index"
	"github.com/restorefs/restorefs/backupstore/seekable/inflate"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
	"github.com/restorefs/restorefs/backupstore/seekable/unzstd"
)

// pieceBytes is how much is read at once where a whole stream is read.
const pieceBytes = 1 << 20

// memory is a stored object in memory.
type memory []byte

func (m memory) Size() int64 { return int64(len(m)) }
func (m memory) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	return bytes.NewReader(m).ReadAt(p, off)
}

// bench is one contender at work.
type bench struct {
	ctx context.Context
	in  inputs
}

func (b bench) load(path string) (memory, error) {
	data, err := os.ReadFile(path)
	return data, err
}

// runContender runs one and prints its seconds, or its figures.
func runContender(ctx context.Context, name string, in inputs) error {
	b := bench{ctx, in}
	f, ok := map[string]func() (string, error){
		"inflate":        func() (string, error) { return b.decode(in.zlib(), newInflate, cpuTime) },
		"inflate-adler":  func() (string, error) { return b.decode(in.zlib(), newZlib, cpuTime) },
		"inflate-wall":   func() (string, error) { return b.decode(in.zlib(), newInflate, wallTime) },
		"unzstd":         func() (string, error) { return b.decode(in.zstd(), newUnzstd, cpuTime) },
		"flate":          b.flate,
		"zstd-klauspost": b.zstdKlauspost,
		"inflate-index":  b.indexPass,
		"index-size":     b.indexSize,
		"random-zlib":    func() (string, error) { return b.random(in.zlib(), seekable.Zlib, bothFigures) },
		"random-zstd":    func() (string, error) { return b.random(in.zstd(), seekable.Zstd, bothFigures) },
		"random-bzip2":   func() (string, error) { return b.random(in.bzip2(), seekable.Bzip2, bothFigures) },
		"p50-zstd":       func() (string, error) { return b.random(in.zstd(), seekable.Zstd, medianSeconds) },
		"start-zstd":     b.zstdFromStart,
		"bunzip2-index":  b.bunzip2Indexed,
		"bunzip2-first": func() (string, error) {
			return b.decode(in.bzip2(), func(s stream.Source) stream.Decoder { return bunzip2.New(s, bunzip2.Options{Workers: 2}) }, wallTime)
		},
		"touch-1":      func() (string, error) { return b.touch(1) },
		"touch-2":      func() (string, error) { return b.touch(2) },
		"sequential-1": func() (string, error) { return b.sequential(1) },
		"sequential-2": func() (string, error) { return b.sequential(2) },
	}[name]
	if !ok {
		return fmt.Errorf("no contender %q", name)
	}
	out, err := f()
	if err == nil {
		fmt.Println(out)
	}
	return err
}

func newZlib(s stream.Source) stream.Decoder { return inflate.New(s, inflate.Options{}) }

// newInflate leaves out the Adler-32, as the raw deflate peers do; digests prove
// the bytes.
func newInflate(s stream.Source) stream.Decoder {
	return inflate.New(s, inflate.Options{NoChecksum: true})
}
func newUnzstd(s stream.Source) stream.Decoder { return unzstd.New(s, unzstd.Options{}) }

// A clock tells seconds since some moment.
type clock func() float64

func cpuTime() float64 {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

var process = time.Now()

func wallTime() float64 { return time.Since(process).Seconds() }

func seconds(c clock, f func() error) (string, error) {
	start := c()
	err := f()
	return fmt.Sprint(c() - start), err
}

// decode reads a whole stream in pieces.
func (b bench) decode(path string, open func(stream.Source) stream.Decoder, c clock) (string, error) {
	src, err := b.load(path)
	if err != nil {
		return "", err
	}
	buf := make([]byte, pieceBytes)
	return seconds(c, func() error {
		d := open(src)
		defer d.Close()
		return readAll(b.ctx, d, buf)
	})
}

func readAll(ctx context.Context, d stream.Decoder, buf []byte) error {
	for {
		_, err := d.Read(ctx, buf)
		if err == io.EOF {
			return d.Finish(ctx)
		}
		if err != nil {
			return err
		}
	}
}

func (b bench) flate() (string, error) {
	src, err := b.load(b.in.zlib())
	if err != nil {
		return "", err
	}
	buf := make([]byte, pieceBytes)
	return seconds(cpuTime, func() error {
		_, err := io.CopyBuffer(onlyWriter{io.Discard}, flate.NewReader(bytes.NewReader(src[2:])), buf)
		return err
	})
}

func (b bench) zstdKlauspost() (string, error) {
	src, err := b.load(b.in.zstd())
	if err != nil {
		return "", err
	}
	buf := make([]byte, pieceBytes)
	return seconds(cpuTime, func() error {
		z, err := zstd.NewReader(bytes.NewReader(src), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return err
		}
		defer z.Close()
		_, err = io.CopyBuffer(onlyWriter{io.Discard}, onlyReader{z}, buf)
		return err
	})
}

type onlyWriter struct{ io.Writer }
type onlyReader struct{ io.Reader }

// indexPass decodes with an index being built and digests of 32 KiB blocks
// taken on another core.
func (b bench) indexPass() (string, error) {
	src, err := b.load(b.in.zlib())
	if err != nil {
		return "", err
	}
	x := b.newIndex(src)
	defer x.Close()
	build, _ := x.TryBuild()
	full, empty := make(chan []byte, 4), make(chan []byte, 4)
	for range cap(empty) {
		empty <- make([]byte, pieceBytes)
	}
	var hashing sync.WaitGroup
	hashing.Go(func() {
		for p := range full {
			for block := range slices.Chunk(p, 32<<10) {
				sha256.Sum256(block)
			}
			empty <- p[:cap(p)]
		}
	})
	return seconds(wallTime, func() error {
		d := inflate.New(src, inflate.Options{Observer: build, NoChecksum: true})
		defer d.Close()
		for {
			p := <-empty
			n, err := d.Read(b.ctx, p)
			full <- p[:n]
			if err != nil {
				close(full)
				hashing.Wait()
				build.Complete()
				build.Close()
				if err == io.EOF {
					err = nil
				}
				return err
			}
		}
	})
}

func (b bench) newIndex(src memory) *index.Index {
	var none *index.Store
	return none.Index(index.Key{Object: "bench", Algorithm: 1, StoredBytes: src.Size(), DecodedBytes: 1 << 62})
}

// open returns the object in path behind an engine whose index is complete and
// on disk.
func (b bench) open(path string, alg seekable.Algorithm, workers int, build bool) (*seekable.Object, string, error) {
	src, err := b.load(path)
	if err != nil {
		return nil, "", err
	}
	length := int64(sliceLen)
	if alg != seekable.Bzip2 {
		st, err := os.Stat(b.in.raw())
		if err != nil {
			return nil, "", err
		}
		length = st.Size()
	}
	dir := filepath.Join(b.in.dir, "index")
	if !build {
		if dir, err = os.MkdirTemp(b.in.dir, "index-"); err != nil {
			return nil, "", err
		}
	}
	store, err := index.OpenStore(dir, 1<<30, nil)
	if err != nil {
		return nil, "", err
	}
	e := seekable.NewEngine(seekable.Options{MemoryBytes: 128 << 20, Indexes: store, Workers: workers})
	o := e.NewObject(src, alg, length, seekable.Identity{Path: path})
	for done := !build; !done; {
		if done, err = o.Build(b.ctx, 64<<20); err != nil {
			return nil, "", err
		}
	}
	return o, dir, nil
}

func (b bench) indexSize() (string, error) {
	os.RemoveAll(filepath.Join(b.in.dir, "index"))
	o, dir, err := b.open(b.in.zlib(), seekable.Zlib, 1, true)
	if err != nil {
		return "", err
	}
	var bytes int64
	err = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			st, statErr := e.Info()
			err = statErr
			bytes += st.Size()
		}
		return err
	})
	if err != nil {
		return "", err
	}
	checkpoints := len(o.Splits(0, o.Length(), 1)) + 1
	st, err := os.Stat(b.in.zlib())
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("**1/%.1f** (%d checkpoints, %.2f MiB, %.2f %% of the object)", float64(checkpoints)*(32<<10)/float64(bytes),
		checkpoints, float64(bytes)/(1<<20), 100*float64(bytes)/float64(st.Size())), nil
}

// How random presents its times.
func bothFigures(times []time.Duration) string {
	return fmt.Sprintf("**%.2f ms / %.2f ms**", ms(times[len(times)/2]), ms(times[len(times)*99/100]))
}

func medianSeconds(times []time.Duration) string { return fmt.Sprint(times[len(times)/2].Seconds()) }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// random reads 4 KiB at random places with a complete index on disk. No two
// reads are near each other, so that no parked decoder helps.
func (b bench) random(path string, alg seekable.Algorithm, present func([]time.Duration) string) (string, error) {
	o, _, err := b.open(path, alg, 1, true)
	if err != nil {
		return "", err
	}
	defer o.Close()
	n := 1000
	if alg == seekable.Bzip2 {
		n = 100
	}
	rng := rand.New(rand.NewPCG(7, 7))
	buf := make([]byte, 4096)
	var times []time.Duration
	for _, i := range rng.Perm(n) {
		off := (int64(i)*(o.Length()/int64(n)) + rng.Int64N(o.Length()/int64(n)-4096)) &^ 4095
		start := time.Now()
		if err := o.ReadAt(b.ctx, buf, off); err != nil {
			return "", err
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return present(times), nil
}

// zstdFromStart is the median time of a 4 KiB read by who can only start at the
// frame's start.
func (b bench) zstdFromStart() (string, error) {
	src, err := b.load(b.in.zstd())
	if err != nil {
		return "", err
	}
	var times []time.Duration
	for i := range int64(9) { // evenly: their median is the middle of the frame
		start := time.Now()
		z, err := zstd.NewReader(bytes.NewReader(src), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return "", err
		}
		if _, err := io.CopyN(io.Discard, z, (i+1)<<30/10); err != nil {
			return "", err
		}
		z.Close()
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return medianSeconds(times), nil
}

// bunzip2Indexed decodes block by block, each resumed at its checkpoint.
func (b bench) bunzip2Indexed() (string, error) {
	src, err := b.load(b.in.bzip2())
	if err != nil {
		return "", err
	}
	buf := make([]byte, pieceBytes)
	var found checkpoints
	var buffers bunzip2.Buffers
	first := bunzip2.New(src, bunzip2.Options{Observer: &found, Buffers: &buffers})
	if err := readAll(b.ctx, first, buf); err != nil {
		return "", err
	}
	first.Close()
	return seconds(cpuTime, func() error {
		for i, cp := range found {
			end := int64(sliceLen)
			if i+1 < len(found) {
				end = found[i+1].Out
			}
			d, err := bunzip2.Resume(src, cp, bunzip2.Options{Buffers: &buffers})
			if err != nil {
				return err
			}
			for d.Offset() < end {
				if _, err := d.Read(b.ctx, buf[:min(int64(len(buf)), end-d.Offset())]); err != nil {
					return err
				}
			}
			d.Close()
		}
		return nil
	})
}

type checkpoints []stream.Checkpoint

func (c *checkpoints) Checkpoint(cp stream.Checkpoint) { *c = append(*c, cp) }
func (c *checkpoints) Zeros(int64, int64)              {}

// touch reads 4 KiB at the far end of an object without an index.
func (b bench) touch(workers int) (string, error) {
	o, dir, err := b.open(b.in.zlib(), seekable.Zlib, workers, false)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	defer o.Close()
	return seconds(wallTime, func() error { return o.ReadAt(b.ctx, make([]byte, 4096), o.Length()-4096) })
}

// sequential reads a whole indexed object, in as many parts at a time as there
// are workers.
func (b bench) sequential(workers int) (string, error) {
	o, _, err := b.open(b.in.zlib(), seekable.Zlib, 1, true)
	if err != nil {
		return "", err
	}
	defer o.Close()
	type part struct{ off, end int64 }
	parts := make(chan part)
	errs := make(chan error, workers)
	for range workers {
		go func() {
			buf := make([]byte, pieceBytes)
			for p := range parts {
				for off := p.off; off < p.end; off += pieceBytes {
					if err := o.ReadAt(b.ctx, buf[:min(pieceBytes, p.end-off)], off); err != nil {
						errs <- err
						return
					}
				}
			}
			errs <- nil
		}()
	}
	return seconds(wallTime, func() error {
		at := int64(0)
		for _, cut := range append(o.Splits(0, o.Length(), 32<<20), o.Length()) {
			parts <- part{at, cut}
			at = cut
		}
		close(parts)
		var err error
		for range workers {
			err = cmpOr(err, <-errs)
		}
		return err
	})
}

func cmpOr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
