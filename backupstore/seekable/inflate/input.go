package inflate

import (
	"context"
	"fmt"
	"io"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

const (
	inputBytes = 256 << 10 // a full input buffer
	inputFirst = 32 << 10  // the first read: what a random read may do with
	inputSlack = 8         // allocated behind the buffer
)

// input is a buffer over the stored bytes of a Source, and the place in it.
type input struct {
	src  stream.Source
	buf  []byte // valid bytes; capacity is inputBytes and inputSlack
	pos  int    // next byte of buf
	base int64  // stored offset of buf[0]
	step int    // size of the next read

	bits uint64 // the nb bits before buf[pos], the next in the lowest bit
	nb   uint   // < 8 between symbols
	lead uint   // bits of buf[0] to drop when it arrives
}

// seek places the input at a bit of the stored object. Nothing is read yet.
func (in *input) seek(bit int64) {
	in.buf, in.pos, in.base = in.buf[:0], 0, bit/8
	in.bits, in.nb, in.lead = 0, 0, uint(bit%8)
	in.step = inputFirst
}

// bit is the place of the next bit in the stored object.
func (in *input) bit() int64 {
	return (in.base+int64(in.pos))*8 - int64(in.nb) + int64(in.lead)
}

// eof reports whether the buffer holds everything up to the object's end.
func (in *input) eof() bool { return in.base+int64(len(in.buf)) >= in.src.Size() }

// want makes n bytes available behind pos, or all there are up to the end of
// the object. n is at most half of inputFirst; nb is below 8.
func (in *input) want(ctx context.Context, n int) error {
	if len(in.buf)-in.pos >= n || in.eof() {
		return nil
	}
	return in.fill(ctx)
}

func (in *input) fill(ctx context.Context) error {
	in.base += int64(in.pos)
	rest := copy(in.buf[:cap(in.buf)], in.buf[in.pos:])
	in.buf, in.pos = in.buf[:rest], 0
	end := min(in.step, cap(in.buf)-inputSlack)
	if left := in.src.Size() - in.base; int64(end) > left {
		end = int(left)
	}
	off := in.base + int64(rest)
	got, err := in.src.ReadAt(ctx, in.buf[rest:end], off)
	if got < 0 || got > end-rest {
		return fmt.Errorf("read stored bytes at %d: source returned %d bytes", off, got)
	}
	in.buf = in.buf[:rest+got]
	if rest+got < end { // an error that came with the last byte does not matter
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF // shorter than its Size
		}
		return fmt.Errorf("read stored bytes at %d: %w", off, err)
	}
	in.step = min(2*in.step, inputBytes)
	in.take(in.lead)
	in.unload()
	in.lead = 0
	return nil
}

// load adds whole bytes to the bits while they fit (57 to 64 bits).
func (in *input) load() {
	for in.nb <= 56 && in.pos < len(in.buf) {
		in.bits |= uint64(in.buf[in.pos]) << in.nb
		in.pos++
		in.nb += 8
	}
}

// unload gives the whole bytes among the bits back to the buffer.
func (in *input) unload() {
	in.pos -= int(in.nb >> 3)
	in.nb &= 7
	in.bits &= 1<<in.nb - 1
}

// take removes n bits (at most 16) and reports false when there are fewer.
func (in *input) take(n uint) (uint32, bool) {
	if in.nb < n {
		if in.load(); in.nb < n {
			return 0, false
		}
	}
	v := uint32(in.bits & (1<<n - 1))
	in.bits >>= n
	in.nb -= n
	return v, true
}
