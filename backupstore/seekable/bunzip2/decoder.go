package bunzip2

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// Options of a decoder. The zero value is good for a random read.
type Options struct {
	// Workers is how many blocks are decoded at a time, on as many goroutines,
	// once a call needs more than one block. Up to 1, everything happens on
	// the caller's goroutine. The memory held grows by about 8 MB a worker
	// until Close.
	Workers int
	// Observer is told of each block's start and of runs of zeros of 64 KiB or
	// more inside one block. May be nil.
	Observer stream.Observer
	// Buffers is where memory comes from and goes back to. May be nil.
	Buffers *Buffers
}

// Decoder decodes one stored object: one bzip2 stream, or several one after the
// other as bzip2 itself reads them. It implements stream.Decoder.
//
// No byte is handed out before the CRC of its block has been found right.
type Decoder struct {
	src stream.Source
	opt Options

	in      *bitReader
	next    int64 // bit at which the next block, end mark or header stands
	at      place
	level   int    // of the current stream
	sum     uint32 // combined CRC of the current stream's blocks
	whole   bool   // sum covers all of them
	first   bool   // no stream has ended yet
	ahead   *ahead
	resumed bool // no block has been decoded since Resume

	cur    *block // its expansion stands at x; nil: none
	x      expander
	offset int64
	end    int64 // decoded offset of the end of cur
	err    error // sticky
}

// place is what the decoder expects next in the stored object.
type place int

const (
	atHeader place = iota // a stream
	atBlock               // a block, or the end of the stream
	atEnd                 // nothing
)

var errClosed = errors.New("bzip2: decoder is closed")

// New returns a decoder that stands at the start of src. It reads nothing yet.
func New(src stream.Source, opt Options) *Decoder {
	if opt.Buffers == nil {
		opt.Buffers = new(Buffers)
	}
	return &Decoder{src: src, opt: opt, at: atHeader, first: true}
}

// Resume returns a decoder that stands at cp. It reads nothing yet: whether a
// block starts at cp.In is found out by the first Read. A checkpoint that cannot
// be one is refused with a stream.CorruptError.
func Resume(src stream.Source, cp stream.Checkpoint, opt Options) (*Decoder, error) {
	if cp.In < 0 || cp.In > src.Size()*8 || cp.Out < 0 ||
		len(cp.State) != 1 || cp.State[0] < '1' || cp.State[0] > '9' {
		return nil, &stream.CorruptError{Format: "bzip2", In: cp.In / 8, Out: cp.Out,
			Reason: "impossible checkpoint"}
	}
	d := New(src, opt)
	d.at, d.first, d.resumed = atBlock, false, true
	d.next, d.offset, d.end = cp.In, cp.Out, cp.Out
	d.level = int(cp.State[0] - '0')
	return d, nil
}

// Offset implements stream.Decoder.
func (d *Decoder) Offset() int64 { return d.offset }

// Read implements stream.Decoder. It decodes whole blocks.
func (d *Decoder) Read(ctx context.Context, p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if err := d.need(ctx, n > 0); err != nil {
			return n, err
		}
		k := d.x.expand(p[n:], d.cur.rle, false)
		n += k
		d.offset += int64(k)
	}
	return n, nil
}

// Skip implements stream.Decoder. Blocks are decoded and checked, but not
// expanded into memory.
func (d *Decoder) Skip(ctx context.Context, n int64) (int64, error) {
	if n < 0 {
		return 0, fmt.Errorf("bzip2: cannot skip %d bytes", n)
	}
	start := d.offset
	for d.offset-start < n {
		if err := d.need(ctx, d.offset > start); err != nil {
			return d.offset - start, err
		}
		to := d.offset + min(n-(d.offset-start), d.end-d.offset)
		if to < d.end {
			d.seek(to)
		}
		d.offset = to
	}
	return n, nil
}

// seek makes x stand at the decoded offset to, ahead in the current block.
func (d *Decoder) seek(to int64) {
	begin := d.end - d.cur.out
	x, at := d.cur.seek(to - begin)
	if at += begin; at <= d.offset {
		x, at = d.x, d.offset
	}
	var sink [4096]byte
	for at < to {
		at += int64(x.expand(sink[:min(to-at, int64(len(sink)))], d.cur.rle, false))
	}
	d.x = x
}

// Finish implements stream.Decoder.
func (d *Decoder) Finish(ctx context.Context) error {
	switch err := d.need(ctx, false); {
	case err == nil:
		return d.fail(fault("the stream goes on where it should end"))
	case err == io.EOF:
		return nil
	default:
		return err
	}
}

// need makes sure that the current block has bytes left. It fails with io.EOF
// at the end. Several says that the call under way has used up a block: more
// will be needed.
func (d *Decoder) need(ctx context.Context, several bool) error {
	if d.err != nil {
		return d.err
	}
	if d.offset < d.end {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.cur != nil {
		d.opt.Buffers.blocks.Put(d.cur)
		d.cur = nil
	}
	k, err := d.load(ctx, several)
	if err != nil {
		if cause := ctx.Err(); cause != nil && errors.Is(err, cause) {
			return err
		}
		return d.fail(err)
	}
	d.cur, d.x = k, expander{}
	d.end = d.offset + k.out
	if o := d.opt.Observer; o != nil {
		o.Checkpoint(stream.Checkpoint{In: d.next, Out: d.offset,
			State: []byte{'0' + byte(d.level)}})
		for _, z := range k.zeros {
			o.Zeros(d.offset+z.off, z.n)
		}
	}
	d.sum = (d.sum<<1 | d.sum>>31) ^ k.crc
	d.next, d.resumed = k.end, false
	return nil
}

// fail makes err the decoder's last word.
func (d *Decoder) fail(err error) error {
	var f fault
	at := d.next / 8
	switch {
	case errors.As(err, &f):
		err = &stream.CorruptError{Format: "bzip2", In: at, Out: d.offset, Reason: string(f)}
	case err == io.ErrUnexpectedEOF:
		err = fmt.Errorf("bzip2: the stored object ends inside what starts at stored byte %d "+
			"(decoded byte %d): %w", at, d.offset, err)
	}
	d.err = err
	return err
}

// load returns the block that follows, or io.EOF. On success d.next is still
// the block's first bit.
func (d *Decoder) load(ctx context.Context, several bool) (*block, error) {
	for {
		if d.at == atEnd {
			return nil, io.EOF
		}
		if d.at == atBlock && d.opt.Workers > 1 {
			k, err := d.fromAhead(ctx, several)
			if k != nil || err != nil {
				return k, err
			}
		}
		if d.in == nil {
			d.in = d.opt.Buffers.input()
			d.in.src = d.src
		}
		if err := d.in.seek(ctx, d.next); err != nil {
			return nil, err
		}
		if d.at == atHeader {
			if err := d.header(ctx); err != nil {
				return nil, err
			}
			continue
		}
		magic := d.in.take(ctx, magicBits)
		if err := d.in.complete(ctx); err != nil {
			return nil, err
		}
		switch {
		case magic == blockMagic:
			return d.decode(ctx)
		case d.resumed:
			return nil, fault("no block at the checkpoint")
		case magic == endMagic:
			if err := d.trailer(ctx); err != nil {
				return nil, err
			}
		default:
			return nil, fault("neither a block nor the end of the stream")
		}
	}
}

// decode decodes the block whose magic has been taken.
func (d *Decoder) decode(ctx context.Context) (*block, error) {
	s, k := d.opt.Buffers.scratch(), d.opt.Buffers.block()
	defer d.opt.Buffers.scratches.Put(s)
	if err := k.decode(ctx, d.in, s, d.level*levelBytes); err != nil {
		d.opt.Buffers.blocks.Put(k)
		return nil, err
	}
	return k, nil
}

// header takes the header of a stream. Behind the first stream, what is none
// is the end.
func (d *Decoder) header(ctx context.Context) error {
	v := d.in.take(ctx, 32)
	err := d.in.complete(ctx)
	level := int(v&0xff) - '0'
	good := err == nil && v>>8 == 'B'<<16|'Z'<<8|'h' && level >= 1 && level <= 9
	switch {
	case good:
	case err != nil && (d.first || err != io.ErrUnexpectedEOF):
		return err
	case d.first:
		return fault("no bzip2 stream")
	default:
		d.at = atEnd
		return nil
	}
	d.at, d.level, d.sum, d.whole = atBlock, level, 0, true
	d.next = d.in.bit()
	return nil
}

// trailer takes what follows the magic at the end of a stream.
func (d *Decoder) trailer(ctx context.Context) error {
	sum := uint32(d.in.take(ctx, 32))
	if err := d.in.complete(ctx); err != nil {
		return err
	}
	if d.whole && sum != d.sum {
		return fault("stream checksum mismatch")
	}
	d.at, d.first = atHeader, false
	d.next = (d.in.bit() + 7) &^ 7
	return nil
}

// MemoryBytes implements stream.Decoder.
func (d *Decoder) MemoryBytes() int64 {
	n := int64(0)
	if d.in != nil {
		n += int64(len(d.in.buf))
	}
	if d.cur != nil {
		n += d.cur.memory()
	}
	if d.ahead != nil {
		n += d.ahead.memory()
	}
	return n
}

// Close implements stream.Decoder.
func (d *Decoder) Close() {
	if d.ahead != nil {
		d.ahead.close()
		d.ahead = nil
	}
	if d.cur != nil {
		d.opt.Buffers.blocks.Put(d.cur)
		d.cur = nil
	}
	if d.in != nil {
		d.opt.Buffers.inputs.Put(d.in)
		d.in = nil
	}
	d.end = d.offset
	d.err = errClosed
}
