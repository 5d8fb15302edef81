package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/restorefs/restorefs/backupstore/seekable/inflate"
)

const (
	blockBytes = 32 << 10 // of a digest
	pieceBytes = 1 << 20
)

func runContender(ctx context.Context, name, path string) error {
	switch name {
	case "decode":
		return decode(ctx, path)
	case "hash":
		return hash(path)
	case "memory":
		return serveMemory(ctx, path)
	case "random":
		return readRandom(path)
	}
	return fmt.Errorf("no contender %q", name)
}

// hashBlocks does what any proof of p by its digests has to do.
func hashBlocks(p []byte) {
	for len(p) > 0 {
		n := min(blockBytes, len(p))
		sha256.Sum256(p[:n])
		p = p[n:]
	}
}

// decode does the least that a zlib object needs: inflate and SHA-256.
func decode(ctx context.Context, path string) error {
	src, err := openSource(path)
	if err != nil {
		return err
	}
	d := inflate.New(src, inflate.Options{NoChecksum: true})
	defer d.Close()
	buf := make([]byte, pieceBytes)
	for {
		n, err := d.Read(ctx, buf)
		hashBlocks(buf[:n])
		if err == io.EOF {
			return d.Finish(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// source is a file as the source of a decoder.
type source struct {
	f    *os.File
	size int64
}

func openSource(path string) (*source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return &source{f, st.Size()}, nil
}

// Size implements stream.Source.
func (s *source) Size() int64 { return s.size }

// ReadAt implements stream.Source.
func (s *source) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	return s.f.ReadAt(p, off)
}

// hash reads a file and hashes its blocks, on all processors.
func hash(path string) error {
	src, err := openSource(path)
	if err != nil {
		return err
	}
	var next atomic.Int64
	var g errgroup.Group
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			buf := make([]byte, pieceBytes)
			for {
				off := next.Add(pieceBytes) - pieceBytes
				if off >= src.size {
					return nil
				}
				n, err := src.f.ReadAt(buf, off)
				hashBlocks(buf[:n])
				if err != nil && err != io.EOF {
					return err
				}
			}
		})
	}
	return g.Wait()
}
