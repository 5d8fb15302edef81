package unzstd

import (
	"context"
	"io"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

const (
	// inputPad is how many readable bytes of any value surround every block in
	// the input buffer: the bit reader and the wide copies load whole words.
	inputPad = slack

	firstRead = 32 << 10
	maxRead   = 128 << 10
	inputSize = inputPad + maxRead + blockHeaderSize + maxBlock + inputPad
)

// input is the stored object, read front to back through one buffer.
type input struct {
	src  stream.Source
	off  int64  // stored offset of buf[r]
	buf  []byte // inputPad bytes lie before and after buf[r:w]
	r, w int    // buf[r:w] is read and not consumed
	next int    // bytes the next read asks for; grows as reading goes on
}

// peek returns all that is buffered, n bytes at least. When the object ends
// before, it returns what there is with io.EOF. It consumes nothing, also when
// it fails, so it may be called again.
func (in *input) peek(ctx context.Context, n int) ([]byte, error) {
	for in.w-in.r < n {
		if err := in.fill(ctx, n); err != nil {
			return in.buf[in.r:in.w], err
		}
	}
	return in.buf[in.r:in.w], nil
}

// fill reads more, with room for n bytes.
func (in *input) fill(ctx context.Context, n int) error {
	have := in.w - in.r
	at := in.off + int64(have)
	want := int(min(int64(max(in.next, n-have)), in.src.Size()-at))
	if want <= 0 {
		return io.EOF
	}
	if need := inputPad + have + want + inputPad; need > len(in.buf) {
		grown := make([]byte, min(max(need, 2*len(in.buf)), inputSize))
		copy(grown[inputPad:], in.buf[in.r:in.w])
		in.buf, in.r, in.w = grown, inputPad, inputPad+have
	} else if in.r == in.w || in.w+want+inputPad > len(in.buf) {
		copy(in.buf[inputPad:], in.buf[in.r:in.w])
		in.r, in.w = inputPad, inputPad+have
	}
	in.next = min(2*max(in.next, firstRead), maxRead)
	got, err := in.src.ReadAt(ctx, in.buf[in.w:in.w+want], at)
	in.w += got
	switch {
	case got == want:
		return nil
	case err == nil || err == io.EOF: // shorter than its size: it was cut meanwhile
		return io.ErrUnexpectedEOF
	}
	return &sourceError{at + int64(got), err}
}

// sourceError is what the source failed with at a stored offset.
type sourceError struct {
	off int64
	err error
}

func (e *sourceError) Error() string { return e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// skip consumes n bytes, which need not be buffered nor there at all.
func (in *input) skip(n int64) {
	in.off += n
	if n <= int64(in.w-in.r) {
		in.r += int(n)
		return
	}
	in.r, in.w = inputPad, inputPad
}
