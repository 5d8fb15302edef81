package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
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
		"inflate": func() (string, error) {
			return b.decode(in.zlib(), newInflate, cpuTime)
		},
		"inflate-adler": func() (string, error) { return b.decode(in.zlib(), newZlib, cpuTime) },
		"inflate-wall": func() (string, error) {
			return b.decode(in.zlib(), newInflate,
				wallTime)
		},
		"unzstd":         func() (string, error) { return b.decode(in.zstd(), newUnzstd, cpuTime) },
		"flate":          b.flate,
		"zstd-klauspost": b.zstdKlauspost,
		"inflate-index":  b.indexPass,
		"index-size":     b.indexSize,
		"random-zlib": func() (string, error) {
			return b.random(in.zlib(), seekable.Zlib,
				bothFigures)
		},
		"random-zstd": func() (string, error) {
			return b.random(in.zstd(), seekable.Zstd,
				bothFigures)
		},
		"random-bzip2": func() (string, error) {
			return b.random(in.bzip2(), seekable.Bzip2,
				bothFigures)
		},
		"p50-zstd": func() (string, error) {
			return b.random(in.zstd(), seekable.Zstd,
				medianSeconds)
		},
		"start-zstd":    b.zstdFromStart,
		"bunzip2-index": b.bunzip2Indexed,
		"bunzip2-first": func() (string, error) {
			return b.decode(in.bzip2(), func(s stream.Source) stream.Decoder {
				return bunzip2.New(s, bunzip2.Options{Workers: 2})
			}, wallTime)
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
func (b bench) decode(path string, open func(stream.Source) stream.Decoder,
	c clock) (string, error) {
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
		_, err := io.CopyBuffer(onlyWriter{io.Discard}, flate.NewReader(bytes.NewReader(src[2:])),
			buf)
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
	return none.Index(index.Key{Object: "bench", Algorithm: 1, StoredBytes: src.Size(),
		DecodedBytes: 1 << 62})
}
