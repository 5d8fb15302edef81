package inflate

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

const (
	// chunkBytes is the stored size of what one worker decodes ahead, and
	// chunkPieces the bound of what it may decode to: 8 MiB.
	chunkBytes  = 1 << 20
	chunkPieces = 8 << 20 / (outBytes - windowBytes)
	// chunkMemory is the most a chunk holds: with no window known until the
	// end.
	chunkMemory = chunkPieces * 2 * outBytes
)

// errTail ends decoding ahead close to the end of the object.
var errTail = errors.New("end of the input")

// A chunk is a part of the stream that was decoded before what is in front of
// it: from a place that looked like the start of a block. It is the stream's only if the stream
// turns out to have a block there.
type chunk struct {
	done   chan struct{} // closed when the fields below are final
	ok     bool
	start  int64 // bit of the first header
	pieces []piece
	zeros  []stream.Range // counted from the start of the chunk
	atEnd  bool           // the stream ends behind the last piece
}

// piece is some decoded bytes of a chunk, and the place in the input behind
// them.
type piece struct {
	out    *outBuffer // the bytes are out[windowBytes:end], the history before; or
	out16  *buffer16  // the same with an unknown window
	end    int
	header int64 // bit of the header of the block
	in     int64 // bit behind the piece; == header: a header is there
}

// buffer16 is the out of decode16.
type buffer16 [outBytes + outMargin]uint16

var pool16 = sync.Pool{New: func() any { return new(buffer16) }}

// release gives the buffers back.
func (k *chunk) release() {
	for _, p := range k.pieces {
		p.release()
	}
	k.pieces = nil
}

func (k *chunk) memoryBytes() (n int64) {
	for _, p := range k.pieces {
		switch {
		case p.out != nil:
			n += outBytes
		case p.out16 != nil:
			n += 2 * outBytes
		}
	}
	return n
}

func (p *piece) release() {
	if p.out != nil {
		outPool.Put(p.out)
	}
	if p.out16 != nil {
		pool16.Put(p.out16)
	}
}

// decode finds a block in the stored bytes [from, end) and decodes to the
// first header behind end, or for as many pieces as a chunk may have.
func (k *chunk) decode(ctx context.Context, src stream.Source, from, end int64) {
	defer close(k.done)
	b := inPool.Get().(*inBuffers)
	defer inPool.Put(b)
	m := &marks{observer: (*chunkZeros)(k), soft: never, hard: never}
	c := &core{own: &b.tab, marks: m, until: end * 8}
	c.in.src, c.in.buf = src, b.in[:0]
	c.in.seek(from * 8)
	c.in.step = inputBytes
	if ok, err := c.findBlock(ctx, end*8); !ok || err != nil {
		return
	}
	k.start = c.header

	// First with an unknown window: value 256+i is its byte i.
	p := piece{out16: pool16.Get().(*buffer16), end: windowBytes}
	for i := range p.out16[:windowBytes] {
		p.out16[i] = uint16(256 + i)
	}
	known := int64(0) // there is no unknown byte from here on
	for {
		c.out16, c.pos = p.out16[:], windowBytes
		err := c.decode16(ctx, outBytes)
		p.end = c.pos
		k.add(c, p)
		if err != nil || c.state == atEnd || c.halted() || len(k.pieces) == chunkPieces {
			k.finish(c, err)
			return
		}
		c.base += int64(c.pos - windowBytes)
		tail := p.out16[c.pos-windowBytes : c.pos]
		for i := windowBytes - 1; i >= 0 && c.base-int64(windowBytes-i) >= known; i-- {
			if tail[i] >= 256 {
				known = c.base - int64(windowBytes-i) + 1
				break
			}
		}
		if c.base-known >= windowBytes {
			b := outPool.Get().(*outBuffer)
			for i, v := range tail {
				b[i] = byte(v)
			}
			p = piece{out: b}
			break
		}
		next := pool16.Get().(*buffer16)
		copy(next[:windowBytes], tail)
		p = piece{out16: next}
	}

	// Then with a known one.
	c.out16 = nil
	for {
		c.out, c.pos = p.out[:], windowBytes
		c.base -= windowBytes
		c.from = c.base
		err := c.decode(ctx, outBytes)
		p.end = c.pos
		k.add(c, p)
		if err != nil || c.state == atEnd || c.halted() || len(k.pieces) == chunkPieces {
			k.finish(c, err)
			return
		}
		next := outPool.Get().(*outBuffer)
		copy(next[:windowBytes], c.out[c.pos-windowBytes:c.pos])
		c.base += int64(c.pos)
		p = piece{out: next}
	}
}

// add appends the piece that c has decoded.
func (k *chunk) add(c *core, p piece) {
	p.in = c.in.bit()
	p.header = p.in
	if c.state == inCodes || c.state == inStored {
		p.header = c.header
	}
	k.pieces = append(k.pieces, p)
}

// finish ends decoding. An error is left for the decoder that comes by: what is
// wrong here may be that there is no block at the start.
func (k *chunk) finish(c *core, err error) {
	c.marks.flushZeros()
	k.ok = err == nil || err == errTail
	k.atEnd = c.state == atEnd
	if !k.ok {
		k.release()
	}
}

// chunkZeros collects the runs of zeros of a chunk.
type chunkZeros chunk

func (k *chunkZeros) Checkpoint(stream.Checkpoint) {}
func (k *chunkZeros) Zeros(off, n int64) {
	k.zeros = append(k.zeros, stream.Range{Off: int(off), Len: int(n)})
}

// decode16 is decode into out16. It needs the fast loop, and stops with
// errTail where that cannot go on.
func (c *core) decode16(ctx context.Context, limit int) error {
	for c.pos < limit && c.state != atEnd {
		if err := ctx.Err(); err != nil {
			return err
		}
		wrong := ""
		switch c.state {
		case atHeader:
			if c.halted() {
				return nil
			}
			if err := c.in.want(ctx, headerBytes); err != nil {
				return err
			}
			c.header = c.in.bit()
			wrong = c.open()
		case inStored:
			if err := c.in.want(ctx, 1); err != nil {
				return err
			}
			n := min(c.stored, limit-c.pos, len(c.in.buf)-c.in.pos)
			for i, v := range c.in.buf[c.in.pos : c.in.pos+n] {
				c.out16[c.pos+i] = uint16(v)
			}
			c.in.pos += n
			c.pos += n
			if c.stored -= n; c.stored == 0 {
				c.endBlock()
			} else if n == 0 {
				return errTail
			}
		case inCodes:
			// fast16 looks at its margin behind its first refill.
			if err := c.in.want(ctx, fastMargin+8); err != nil {
				return err
			}
			if len(c.in.buf)-c.in.pos < fastMargin+8 {
				return errTail
			}
			wrong = c.fast16(limit)
		}
		if wrong != "" {
			return c.corrupt(wrong)
		}
	}
	return nil
}

// resolve writes the bytes that the values stand for, given the window before the
// chunk. It reports false if one is of the first bytes of the window, which
// are not there.
func resolve(dst []byte, values []uint16, lut *[256 + windowBytes]byte, missing int) bool {
	if missing > 0 && slices.ContainsFunc(values,
		func(v uint16) bool { return v >= 256 && int(v) < 256+missing }) {
		return false
	}
	dst = dst[:len(values)]
	for len(values) >= 4 {
		v := values[:4:4]
		w := uint64(v[0]) | uint64(v[1])<<16 | uint64(v[2])<<32 | uint64(v[3])<<48
		if w&0xff00ff00ff00ff00 == 0 { // as nearly always
			w = (w | w>>8) & 0x0000ffff0000ffff
			binary.LittleEndian.PutUint32(dst, uint32(w|w>>16))
		} else {
			for i, v := range v {
				dst[i] = lut[int(v)%len(lut)]
			}
		}
		values, dst = values[4:], dst[4:]
	}
	for i, v := range values {
		dst[i] = lut[int(v)%len(lut)]
	}
	return true
}
