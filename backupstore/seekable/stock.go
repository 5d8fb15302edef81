package seekable

import (
	"bufio"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// maxWindowBytes bounds the window that a zstd frame may declare: the largest
// that libzstd decodes unasked.
const maxWindowBytes = 128 << 20

// stockDecoder is a stream.Decoder from a library's io.Reader: it goes forward
// only and has no checkpoints.
type stockDecoder struct {
	in     *input
	r      io.Reader
	close  func()
	memory int64
	off    int64
	err    error
}

func newDecoder(alg Algorithm, src stream.Source) (stream.Decoder, error) {
	in := &input{src: src, ctx: context.Background()}
	buffered := bufio.NewReaderSize(in, 256<<10)
	switch alg {
	case Zlib:
		return &stockDecoder{in: in, r: &lateReader{open: func() (io.Reader, error) { return zlib.NewReader(buffered) }}, memory: 400 << 10}, nil
	case Bzip2:
		return &stockDecoder{in: in, r: bzip2.NewReader(buffered), memory: 5 << 20}, nil
	case Zstd:
		z, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindowBytes))
		if err != nil {
			return nil, err
		}
		return &stockDecoder{in: in, r: z, close: z.Close, memory: 8 << 20}, nil
	}
	return nil, fmt.Errorf("no decoder for algorithm %d", alg)
}

// Read implements stream.Decoder.
func (d *stockDecoder) Read(ctx context.Context, p []byte) (n int, err error) {
	d.in.ctx = ctx
	const piece = 256 << 10 // between two looks at ctx
	for n < len(p) && d.err == nil {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		var m int
		m, d.err = io.ReadFull(d.r, p[n:min(len(p), n+piece)])
		n += m
		d.off += int64(m)
	}
	if errors.Is(d.err, io.ErrUnexpectedEOF) && d.in.ended {
		d.err = &stream.CorruptError{Format: "object", In: d.in.off, Out: d.off, Reason: "the stored stream ends too early"}
	}
	if n == len(p) {
		return n, nil
	}
	return n, d.err
}

// Skip implements stream.Decoder.
func (d *stockDecoder) Skip(ctx context.Context, n int64) (int64, error) {
	buf := make([]byte, min(n, 64<<10))
	left := n
	for left > 0 {
		m, err := d.Read(ctx, buf[:min(left, int64(len(buf)))])
		left -= int64(m)
		if err != nil {
			return n - left, err
		}
	}
	return n, nil
}

// Offset implements stream.Decoder.
func (d *stockDecoder) Offset() int64 { return d.off }

// Finish implements stream.Decoder.
func (d *stockDecoder) Finish(ctx context.Context) error {
	d.in.ctx = ctx
	var b [1]byte
	n, err := io.ReadFull(d.r, b[:])
	switch {
	case n > 0:
		return &stream.CorruptError{Format: "object", In: d.in.off, Out: d.off, Reason: "the stream is longer than the object"}
	case err == io.EOF:
		return nil
	}
	return err
}

// MemoryBytes implements stream.Decoder.
func (d *stockDecoder) MemoryBytes() int64 { return d.memory + 256<<10 }

// Close implements stream.Decoder.
func (d *stockDecoder) Close() {
	if d.close != nil {
		d.close()
	}
}

// input is an io.Reader over a Source for the length of one call's context.
type input struct {
	src   stream.Source
	ctx   context.Context
	off   int64
	ended bool
}

func (in *input) Read(p []byte) (int, error) {
	n, err := in.src.ReadAt(in.ctx, p, in.off)
	in.off += int64(n)
	if n > 0 {
		return n, nil
	}
	in.ended = err == io.EOF
	return 0, err
}

// lateReader opens its reader at the first Read.
type lateReader struct {
	open func() (io.Reader, error)
	r    io.Reader
}

func (l *lateReader) Read(p []byte) (int, error) {
	if l.r == nil {
		var err error
		if l.r, err = l.open(); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
	}
	return l.r.Read(p)
}
