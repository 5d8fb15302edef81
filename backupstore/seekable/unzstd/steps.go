package unzstd

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
)

// stepFrame starts the next frame or passes a skippable one.
func (d *Decoder) stepFrame(ctx context.Context) error {
	f, n, err := d.nextFrame(ctx)
	if err != nil {
		return err
	}
	if f != nil {
		if err := d.admit(f, d.out); err != nil {
			return err
		}
	}
	if f != nil && d.track != nil {
		d.track.startFrame(f, d.in.off, d.out)
	}
	d.in.skip(n)
	if f != nil {
		d.startFrame(*f)
	}
	return nil
}

// nextFrame looks at the next frame's header, n bytes long, or at a skippable
// frame, of which n is all and f nil. What is neither, after one frame at least,
// is not part of the stream.
func (d *Decoder) nextFrame(ctx context.Context) (f *frame, n int64, err error) {
	b, err := d.in.peek(ctx, 4)
	if err != nil && err != io.EOF {
		return nil, 0, err
	}
	magic := uint32(0)
	if len(b) >= 4 {
		magic = binary.LittleEndian.Uint32(b)
	}
	switch {
	case magic&^15 == skippableMagic:
		if b, err = d.need(ctx, 8); err != nil {
			return nil, 0, err
		}
		size := int64(binary.LittleEndian.Uint32(b[4:])) + 8
		if size > d.in.src.Size()-d.in.off {
			return nil, 0, io.ErrUnexpectedEOF
		}
		return nil, size, nil
	case magic == frameMagic:
	case d.frames > 0:
		d.place = atEnd
		return nil, 0, io.EOF
	case len(b) < 4:
		return nil, 0, io.ErrUnexpectedEOF
	default:
		return nil, 0, errors.New("not a zstd frame")
	}
	if b, err = d.in.peek(ctx, maxFrameHeader); err != nil && err != io.EOF {
		return nil, 0, err
	}
	parsed, length, err := parseFrame(b)
	return &parsed, int64(length), err
}

// startFrame prepares for the blocks of f.
func (d *Decoder) startFrame(f frame) {
	keep := 0
	if d.track != nil {
		keep = d.track.keep()
	}
	d.frame = f
	d.frames++
	d.window.reset(f.window, keep, d.opt.span(&f, d.out))
	// To grow the window step by step costs a copy each time, so it gets its
	// full size when that much is sure to come, as far as one can tell: by the
	// header, and by what the stored bytes left can at most decode to.
	left := d.in.src.Size() - d.in.off
	if f.content > 0 && left >= int64(d.window.full)/maxExpansion || left >= int64(d.window.full) {
		d.window.reserve(d.window.full)
	}
	d.read = 0
	d.block.reset()
	if d.hashed = f.checksum; d.hashed {
		d.hash.Reset()
	}
	d.place = inFrame
}

// blockHead is a block that is buffered.
type blockHead struct {
	form   int
	last   bool
	size   int    // stored bytes, or how often the one byte comes
	stored int64  // with the header
	bytes  []byte // behind the header
}

// nextBlock looks at the next block.
func (d *Decoder) nextBlock(ctx context.Context) (h blockHead, err error) {
	b, err := d.need(ctx, blockHeaderSize)
	if err != nil {
		return h, err
	}
	head := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	h.last, h.form, h.size = head&1 != 0, head>>1&3, head>>3
	stored := h.size
	if h.form == blockRLE {
		stored = 1
	}
	switch {
	case h.form == blockReserved:
		return h, errBlockType
	case h.size > d.frame.blockMax():
		return h, errBlockSize
	}
	if b, err = d.need(ctx, blockHeaderSize+stored); err != nil {
		return h, err
	}
	h.stored, h.bytes = int64(blockHeaderSize+stored), b[blockHeaderSize:blockHeaderSize+stored]
	return h, nil
}

// padded is the buffered block h as blockDecoder wants it.
func (d *Decoder) padded(h blockHead) []byte {
	from := d.in.r + blockHeaderSize
	return d.in.buf[from-bitPad : from+h.size+slack]
}

func (d *Decoder) stepBlock(ctx context.Context) error {
	h, err := d.nextBlock(ctx)
	if err != nil {
		return err
	}
	w := &d.window
	maxLen := d.frame.blockMax()
	if h.form != blockCompressed {
		maxLen = h.size
	}
	w.begin(maxLen)
	d.read = w.start
	if d.track != nil {
		d.track.begin(d)
	}
	zeros := false
	d.block.inherited, d.block.defined = 0, 0
	switch h.form {
	case blockRaw:
		w.append(h.bytes)
	case blockRLE:
		w.repeat(h.bytes[0], h.size)
		zeros = h.bytes[0] == 0
	case blockCompressed:
		err = d.block.compressed(d.padded(h), w, d.track)
	}
	if err = d.blockDone(err); err != nil {
		return err
	}
	d.in.skip(h.stored)
	if d.track != nil {
		d.track.done(d, zeros)
	}
	if h.last {
		return d.endFrame()
	}
	return nil
}

// blockDone settles what the window has of a block; err is what decoding it gave.
func (d *Decoder) blockDone(err error) error {
	w := &d.window
	n := w.pos - w.start
	if err == nil && d.frame.content >= 0 && int64(n) > d.frame.content-d.frame.done {
		err = errContent
	}
	if err != nil {
		w.pos = w.start // nothing of a bad block is handed out
		return err
	}
	d.frame.done += int64(n)
	if d.hashed {
		d.hash.Write(w.buf[w.start:w.pos])
	}
	return nil
}

func (d *Decoder) endFrame() error {
	if d.frame.content >= 0 && d.frame.done != d.frame.content {
		return errContent
	}
	if d.track != nil {
		d.track.endFrame(d, d.out+int64(d.window.pos-d.window.start))
	}
	d.place = betweenFrames
	if d.frame.checksum {
		d.place = atChecksum
	}
	return nil
}

var (
	errContent  = errors.New("frame does not decode to the size that its header announces")
	errChecksum = errors.New("content checksum does not match the decoded bytes")
)

func (d *Decoder) stepChecksum(ctx context.Context) error {
	b, err := d.need(ctx, 4)
	if err != nil {
		return err
	}
	if err := d.checkSum(binary.LittleEndian.Uint32(b)); err != nil {
		return err
	}
	d.in.skip(4)
	return nil
}

func (d *Decoder) checkSum(sum uint32) error {
	if d.hashed && sum != uint32(d.hash.Sum64()) {
		return errChecksum
	}
	d.place = betweenFrames
	return nil
}
