package bunzip2

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

const (
	// margin is how many bytes fill guarantees behind pos: 256, more than the
	// 50 symbols of one group take (20 bits each), and an 8-byte load.
	margin = 256 + 8
	// readBytes is the size of one read from the source: about one block of a
	// disk image.
	readBytes = 256 << 10
)

// bitReader hands out bits, most significant first. acc holds nbits valid bits
// at its top. The bits below them are zero or those that follow in buf, so that
// a refill may OR them in again.
type bitReader struct {
	src   stream.Source // nil: buf[:end] is all there is
	buf   []byte
	base  int64 // offset of buf[0] in the stored object
	pos   int   // next byte of buf to go into acc
	end   int   // buf[:end] are stored bytes
	eof   bool  // the stored object ends at end; at least 2*margin zeros follow
	acc   uint64
	nbits uint
	err   error // first failure of take; it then returns zeros
}

// bit is the position of the next bit, counted from the start of the object.
func (r *bitReader) bit() int64 { return (r.base+int64(r.pos))*8 - int64(r.nbits) }

// seek makes bit the next one. It reads nothing unless bit is inside a byte.
func (r *bitReader) seek(ctx context.Context, bit int64) error {
	at := bit / 8
	if at < r.base || at > r.base+int64(r.end) {
		r.base, r.end, r.eof = at, 0, false
	}
	r.pos, r.acc, r.nbits, r.err = int(at-r.base), 0, 0, nil
	r.take(ctx, uint(bit%8))
	return r.err
}

// fill makes sure that margin bytes follow pos, the last of them zeros if the
// object ends there. It fails with io.ErrUnexpectedEOF once such zeros have
// been used up as if they were data.
func (r *bitReader) fill(ctx context.Context) error {
	for !r.eof && r.end-r.pos < margin {
		if r.buf == nil {
			r.buf = make([]byte, readBytes+3*margin)
		}
		r.end = copy(r.buf, r.buf[r.pos:r.end])
		r.base += int64(r.pos)
		r.pos = 0
		at := r.base + int64(r.end)
		want := min(readBytes, r.src.Size()-at)
		if want <= 0 {
			r.setEOF()
			break
		}
		n, err := r.src.ReadAt(ctx, r.buf[r.end:r.end+int(want)], at)
		r.end += n
		switch {
		case int64(n) == want:
		case errors.Is(err, io.EOF):
			r.setEOF()
		case err == nil:
			err = io.ErrNoProgress
			fallthrough
		default:
			return fmt.Errorf("bzip2: read stored byte %d: %w", at+int64(n), err)
		}
	}
	if r.pos > r.end && r.bit() > (r.base+int64(r.end))*8 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// complete reports whether all that has been taken so far was there: the
// object may end among it.
func (r *bitReader) complete(ctx context.Context) error {
	if r.err == nil {
		r.err = r.fill(ctx)
	}
	return r.err
}

func (r *bitReader) setEOF() {
	r.eof = true
	clear(r.buf[r.end:min(len(r.buf), r.end+2*margin)])
}

// refill tops acc up to at least 56 bits. fill must have been called for the
// bytes it takes.
func (r *bitReader) refill() {
	r.acc |= binary.BigEndian.Uint64(r.buf[r.pos:]) >> (r.nbits & 63)
	r.pos += int((63 - r.nbits) >> 3)
	r.nbits |= 56
}

// ready makes 56 bits available in acc.
func (r *bitReader) ready(ctx context.Context) bool {
	if r.err != nil {
		return false
	}
	if r.end-r.pos < margin {
		if r.err = r.fill(ctx); r.err != nil {
			return false
		}
	}
	r.refill()
	return true
}

// take returns the next n <= 48 bits. After a failure, kept in err, it returns
// zeros.
func (r *bitReader) take(ctx context.Context, n uint) uint64 {
	if n == 0 || !r.ready(ctx) {
		return 0
	}
	v := r.acc >> (64 - n)
	r.drop(n)
	return v
}

func (r *bitReader) drop(n uint) {
	r.acc <<= n
	r.nbits -= n
}
