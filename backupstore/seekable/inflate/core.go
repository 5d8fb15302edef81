package inflate

import (
	"context"
	"fmt"
	"io"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

const (
	windowBytes = 32 << 10
	matchMax    = 258

	// outMargin is how far behind its limit a loop may write: it starts no
	// symbol at or behind the limit but three literals and a match at a time,
	// and copies round up.
	outMargin = 3 + matchMax + 64
)

// state is what comes next in the stream.
type state uint8

const (
	atHeader state = iota // a block header
	inCodes               // a symbol of a compressed block
	inStored              // a byte of a stored block
	atEnd                 // what follows the last block
)

// loops says by which loops a core decodes symbols where it can choose.
type loops uint8

const (
	allLoops    loops = iota // the fastest that this processor has
	portable                 // those of Go
	onlyCareful              // careful's alone
)

// core is the DEFLATE state machine. It writes into out; what is before pos,
// back to the decoded offset from, is the history.
type core struct {
	in     input
	state  state
	final  bool    // the block is the last
	stored int     // bytes left of the stored block
	tab    *tables // of the block: own or fixedTables
	own    *tables

	out  []byte // has outMargin behind every limit
	pos  int    // next byte of out
	base int64  // decoded offset of out[0]
	from int64  // decoded offset from which on history is known

	// out16 takes the place of out in decode16: from 256 on, values stand for
	// the bytes of a window that is not known yet.
	out16 []uint16

	until  int64  // decode stops at the first header from this bit on; 0: never
	header int64  // where the current block's header is, in bits
	marks  *marks // placement of checkpoints; nil without an Observer
	run    run    // set by a loop that stopped behind a run
	loops  loops  // which loops are used
}

// run is a part of out that a loop has passed without writing it, because it
// repeats the byte before.
type run struct{ start, end int }

// offset is the decoded offset of the next byte.
func (c *core) offset() int64 { return c.base + int64(c.pos) }

// decode goes on until pos is at limit or, by less than outMargin, behind it,
// or the stream ends. What is before pos is valid also after an error. After an
// error of the input, decode can be called again.
func (c *core) decode(ctx context.Context, limit int) error {
	for idle := 0; c.pos < limit && c.state != atEnd; idle++ {
		if idle&255 == 255 { // blocks may be empty
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		stop := limit
		if c.marks != nil {
			stop = c.marks.step(c, limit)
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
			wrong = c.copyStored(stop)
		case inCodes:
			if err := c.in.want(ctx, fastMargin); err != nil {
				return err
			}
			switch {
			case !haveFast || c.loops == onlyCareful || len(c.in.buf)-c.in.pos < fastMargin:
				wrong = c.careful(stop)
			case hasLoop && c.loops == allLoops:
				wrong = c.fastest(stop)
			default:
				wrong = c.fast(stop)
			}
			if c.run.end > 0 {
				c.fill()
			}
		}
		if wrong != "" {
			return c.corrupt(wrong)
		}
	}
	if c.marks != nil && c.state == atEnd {
		c.marks.end()
	}
	return nil
}

// halted reports whether decode has come to until.
func (c *core) halted() bool {
	return c.until > 0 && c.state == atHeader && c.in.bit() >= c.until
}

func (c *core) copyStored(stop int) (wrong string) {
	in := &c.in
	n := min(c.stored, stop-c.pos, len(in.buf)-in.pos)
	copy(c.out[c.pos:c.pos+n], in.buf[in.pos:in.pos+n])
	in.pos += n
	c.pos += n
	c.stored -= n
	if c.stored == 0 {
		c.endBlock()
	} else if n == 0 {
		return truncated
	}
	return ""
}

func (c *core) endBlock() {
	c.state = atHeader
	if c.final {
		c.state = atEnd
	}
}

// fill writes the run that a loop has left.
func (c *core) fill() {
	r := c.run
	c.run = run{}
	b := c.out[r.start:r.end]
	v := c.out[r.start-1]
	if v == 0 {
		clear(b)
		if c.marks != nil {
			c.marks.zeros(c, r)
		}
		return
	}
	b[0] = v
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}

// low is the index in out before which a match refers to bytes that are not
// there or, while a checkpoint records, that it must note.
func (c *core) low() int {
	low := max(0, c.from-c.base)
	if c.marks != nil && c.marks.recording {
		low = max(low, c.marks.at.Out-c.base)
	}
	return int(low)
}

// note is called for a match that begins before low, beyond bytes before it.
// It reports whether there is such a byte.
func (c *core) note(beyond, length int) bool {
	m := c.marks
	// Checkpoints are so far apart that history is a whole window while one is recorded; before
	// the first one it is 0.
	if m == nil || !m.recording || beyond > m.history {
		return false
	}
	m.refs = append(m.refs, ref{uint16(beyond - 1), uint16(length)})
	return true
}

// corrupt makes an error of what a function found wrong.
func (c *core) corrupt(wrong string) error {
	err := &stream.CorruptError{Format: "zlib", In: c.in.bit() / 8, Out: c.offset(), Reason: wrong}
	if wrong == truncated {
		return fmt.Errorf("%w: %w", err, io.ErrUnexpectedEOF)
	}
	return err
}
