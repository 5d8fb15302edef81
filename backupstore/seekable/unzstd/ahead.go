package unzstd

import (
	"context"
	"encoding/binary"
	"io"
	"sync"
)

// With Options.Ahead a second goroutine parses: it reads the stored object and
// decodes literals and sequences, block after block, while the reader's executes
// the sequences of the blocks before. The parser needs nothing of what executing
// yields, for literals, tables and repeat offsets depend on earlier blocks'
// stored bytes alone.
//
// The parser owns the input, the tables and the place in the object; the Decoder
// keeps the window, the checksum and the sizes. Units go from one to the other in
// order, errors as well, so that what is handed out and what fails is the same as
// without.

const (
	// aheadAfter decoded bytes it starts: what is short is not worth it.
	aheadAfter = 1 << 20
	aheadUnits = 4
	// A match is three bytes at least.
	maxSequences = maxBlock / 3
)

// unit is one step of the stored object, parsed.
type unit struct {
	place place // what it is: betweenFrames a frame's header, inFrame a block
	frame frame
	form  int // of a block
	last  bool
	size  int // of a block that is raw or of one value
	lits  []byte
	seqs  []sequence
	sum   uint32
	skip  bool  // nothing of it is decoded
	in    int64 // stored offset where it begins
	err   error // what parsing it failed with; it is the last

	buf []byte // for lits, and slack
	all []sequence
}

// parser is the other goroutine.
type parser struct {
	units  chan *unit // parsed, in order; it has room for all there are
	free   chan *unit
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// aheadBytes is what a parser holds at most: its input, the units, and tables
// as a Decoder has.
const aheadBytes = inputSize + aheadUnits*(maxBlock+slack+12*maxSequences) +
	decoderBytes + treeBytes

// goAhead gives the parsing to a goroutine, from the next step on.
func (d *Decoder) goAhead() {
	ctx, cancel := context.WithCancel(context.Background())
	p := &parser{units: make(chan *unit, aheadUnits), free: make(chan *unit, aheadUnits),
		cancel: cancel}
	for range aheadUnits {
		p.free <- &unit{buf: make([]byte, maxBlock+slack)}
	}
	parsing := &Decoder{in: d.in, block: d.block, frame: d.frame, place: d.place, frames: d.frames}
	d.in = input{src: d.in.src, off: d.in.off}
	d.block = blockDecoder{lits: d.block.lits}
	d.parser = p
	p.wg.Go(func() {
		for {
			select {
			case u := <-p.free:
				u.err = parsing.parse(ctx, u)
				p.units <- u
				if u.err != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	})
}

func (p *parser) close() {
	p.cancel()
	p.wg.Wait()
}

// parse takes the next step of the stored object, decoding nothing.
func (d *Decoder) parse(ctx context.Context, u *unit) error {
	u.place, u.in, u.skip = d.place, d.in.off, false
	u.seqs = u.seqs[:0]
	switch d.place {
	case betweenFrames:
		f, n, err := d.nextFrame(ctx)
		if err != nil {
			return err
		}
		d.in.skip(n)
		if u.skip = f == nil; u.skip {
			return nil
		}
		u.frame, d.frame = *f, *f
		d.frames++
		d.block.reset()
		d.place = inFrame
	case inFrame:
		return d.parseBlock(ctx, u)
	case atChecksum:
		b, err := d.need(ctx, 4)
		if err != nil {
			return err
		}
		u.sum = binary.LittleEndian.Uint32(b)
		d.in.skip(4)
		d.place = betweenFrames
	default:
		return io.EOF
	}
	return nil
}

func (d *Decoder) parseBlock(ctx context.Context, u *unit) error {
	h, err := d.nextBlock(ctx)
	if err != nil {
		return err
	}
	u.form, u.last, u.size = h.form, h.last, h.size
	switch h.form {
	case blockRaw:
		u.lits = u.buf[:copy(u.buf, h.bytes)]
	case blockRLE:
		u.buf[0] = h.bytes[0]
	case blockCompressed:
		d.block.lits = u.buf
		lits, count, err := d.block.sections(d.padded(h), d.frame.blockMax())
		if err != nil {
			return err
		}
		if count > maxSequences { // executing them would end so too; it bounds u.all
			return errTooLong
		}
		if cap(u.all) < count {
			u.all = make([]sequence, max(count, min(2*cap(u.all), maxSequences)))
		}
		u.seqs = u.all[:count]
		if count > 0 {
			if _, err := d.block.seqs.read(u.seqs, &d.block.tables); err != nil {
				return err
			}
		}
		if len(lits) == 0 || &lits[0] != &u.buf[0] { // raw ones lie in the input
			lits = u.buf[:copy(u.buf, lits)]
		}
		u.lits = lits
	}
	d.in.skip(h.stored)
	if h.last {
		d.place = betweenFrames
		if d.frame.checksum {
			d.place = atChecksum
		}
	}
	return nil
}

// stepAhead is step with what the parser has found.
func (d *Decoder) stepAhead(ctx context.Context) error {
	p := d.parser
	var u *unit
	select {
	case u = <-p.units:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { p.free <- u }()
	d.in.off = u.in
	switch {
	case u.err != nil:
		return u.err
	case u.skip:
		return nil
	case u.place == betweenFrames:
		if err := d.admit(&u.frame, d.out); err != nil {
			return err
		}
		d.startFrame(u.frame)
		return nil
	case u.place == atChecksum:
		return d.checkSum(u.sum)
	}
	maxLen := d.frame.blockMax()
	if u.form != blockCompressed {
		maxLen = u.size
	}
	w := &d.window
	w.begin(maxLen)
	d.read = w.start
	var err error
	switch u.form {
	case blockRaw:
		w.append(u.lits)
	case blockRLE:
		w.repeat(u.buf[0], u.size)
	case blockCompressed:
		var lits []byte
		if lits, err = execute(w, u.seqs, u.lits); err == nil {
			err = w.appendLast(lits)
		}
	}
	if err = d.blockDone(err); err == nil && u.last {
		err = d.endFrame()
	}
	return err
}
