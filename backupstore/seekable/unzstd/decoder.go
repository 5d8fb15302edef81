package unzstd

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

const formatName = "zstd"

// ErrUnsupported is what errors.Is finds when a frame is well formed but asks
// for what this package refuses: a dictionary, or a window above MaxWindow.
var ErrUnsupported = errors.New("zstd frame not supported")

// Options are what a Decoder can be told.
type Options struct {
	// Observer is told of checkpoints and zeros; nil for nobody.
	Observer stream.Observer
	// Spacing is the distance in decoded bytes at which checkpoints are aimed
	// for: 0 means DefaultSpacing, less than 128 KiB means 128 KiB.
	Spacing int64
	// Buffers is where memory comes from and goes back to. May be nil.
	Buffers *Buffers
	// Ahead lets a second goroutine parse while the reader's decodes, once some
	// has been decoded. It has no effect with an Observer.
	Ahead bool
	// Length is how many decoded bytes of the object are going to be asked for,
	// 0 when that is unknown. A window larger than that takes no more memory.
	Length int64
	// MaxBytes is the memory that the decoder may hold. Where a frame needs more,
	// decoding fails with a MemoryError, before the memory is taken. 0: what
	// windows of 128 MiB need.
	MaxBytes int64
}

// DefaultSpacing is the distance between checkpoints, in decoded bytes.
const DefaultSpacing = 2 << 20

// Decoder decodes one stored object, a sequence of zstd frames. It implements
// stream.Decoder; its granularity is one block (at most 128 KiB).
type Decoder struct {
	in     input
	opt    Options
	track  *tracker // nil when nobody observes
	block  blockDecoder
	window window
	frame  frame
	hash   xxhash.Digest
	place  place
	hashed bool    // the frame was seen from its start: its checksum can be checked
	frames int     // frames seen
	parser *parser // parses ahead; nil: nobody does, and in, block, place and frames count
	from   int64   // decoded offset at which this Decoder began
	after  int64   // aheadAfter, but for tests
	read   int     // window.buf[read:window.pos] is decoded and not handed out
	out    int64   // decoded offset of window.buf[read]
	err    error   // why the decoder is dead
}

// maxExpansion is how many bytes a stored byte can decode to: a block of one
// value takes four.
const maxExpansion = maxBlock / 4

// place is what comes next in the stored object.
type place uint8

const (
	betweenFrames place = iota
	inFrame
	atChecksum
	atEnd
)

// New returns a decoder that starts at the start of src.
func New(src stream.Source, opt Options) *Decoder {
	d := newDecoder(src, opt)
	if opt.Observer != nil {
		d.track = newTracker(opt, 0)
	}
	return d
}

func newDecoder(src stream.Source, opt Options) *Decoder {
	d := &Decoder{in: input{src: src}, opt: opt, after: aheadAfter}
	b := opt.Buffers.get()
	d.in.buf = b.input
	d.window.buf, d.block.lits = b.window[:0], b.lits
	if d.block.lits == nil {
		d.block.lits = make([]byte, maxBlock+slack)
	}
	return d
}

// Offset implements stream.Decoder.
func (d *Decoder) Offset() int64 { return d.out }

// Read implements stream.Decoder.
func (d *Decoder) Read(ctx context.Context, p []byte) (n int, err error) {
	for n < len(p) {
		if err := d.more(ctx); err != nil {
			return n, err
		}
		c := copy(p[n:], d.window.buf[d.read:d.window.pos])
		n += c
		d.pass(c)
	}
	return n, nil
}

// Skip implements stream.Decoder.
func (d *Decoder) Skip(ctx context.Context, n int64) (done int64, err error) {
	for done < n {
		if err := d.more(ctx); err != nil {
			return done, err
		}
		c := int(min(n-done, int64(d.window.pos-d.read)))
		done += int64(c)
		d.pass(c)
	}
	return done, nil
}

func (d *Decoder) pass(n int) {
	d.read += n
	d.out += int64(n)
}

// Finish implements stream.Decoder. A content checksum is checked as soon as
// its frame ends, so an error of it may come from Read too.
func (d *Decoder) Finish(ctx context.Context) error {
	switch err := d.more(ctx); {
	case err == io.EOF:
		return nil
	case err != nil:
		return err
	}
	return &stream.CorruptError{Format: formatName, In: d.in.off, Out: d.out, Reason: "more decoded bytes follow where the stream should end"}
}

// MemoryBytes implements stream.Decoder.
func (d *Decoder) MemoryBytes() int64 {
	n := decoderBytes + cap(d.in.buf) + cap(d.window.buf) + cap(d.block.lits)
	if d.block.tree != nil {
		n += treeBytes
	}
	if d.track != nil {
		n += d.track.memory()
	}
	if d.parser != nil {
		n += aheadBytes
	}
	return int64(n)
}

// Fixed costs that MemoryBytes counts: the Decoder itself with its tables, and
// a Huffman tree with its scratch space.
const (
	decoderBytes = 20 << 10
	treeBytes    = 32 << 10
)

// Close implements stream.Decoder.
func (d *Decoder) Close() {
	if d.parser != nil {
		d.parser.close()
	}
	if d.err != errClosed {
		d.opt.Buffers.put(buffers{window: d.window.buf, lits: d.block.lits, input: d.in.buf})
	}
	*d = Decoder{out: d.out, err: errClosed}
}

var errClosed = errors.New("zstd: decoder is closed")

// more makes at least one decoded byte available, or fails: with io.EOF at the
// end of the stream, with ctx's error (and the decoder stays usable), or with
// an error that makes the decoder dead.
func (d *Decoder) more(ctx context.Context) error {
	for d.read == d.window.pos {
		if d.err != nil {
			return d.err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.step(ctx); err != nil {
			if stop := ctx.Err(); stop != nil && errors.Is(err, stop) {
				return stop
			}
			d.err = d.explain(err)
		}
	}
	return nil
}

// explain says where err happened, unless it says so itself.
func (d *Decoder) explain(err error) error {
	var located *stream.CorruptError
	var failed *sourceError
	switch {
	case err == io.EOF || errors.As(err, &located) || isMemoryError(err):
		return err
	case errors.As(err, &failed):
		return fmt.Errorf("zstd: read the stored object at %d (decoded byte %d): %w", failed.off, d.out, failed.err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("zstd: the stored object ends at byte %d, too early (at decoded byte %d): %w", d.in.src.Size(), d.out, io.ErrUnexpectedEOF)
	case errors.Is(err, ErrUnsupported):
		return fmt.Errorf("%w (at stored byte %d)", err, d.in.off)
	}
	return &stream.CorruptError{Format: formatName, In: d.in.off, Out: d.out, Reason: err.Error()}
}

// step takes the next unit from the stored object: a frame header, a skippable
// frame, a block, or a checksum. It fails before it has changed anything when
// the source does, so that it can be repeated.
func (d *Decoder) step(ctx context.Context) error {
	if d.opt.Ahead && d.parser == nil && d.track == nil && d.out-d.from >= d.after {
		d.goAhead()
	}
	if d.parser != nil {
		return d.stepAhead(ctx)
	}
	switch d.place {
	case betweenFrames:
		return d.stepFrame(ctx)
	case inFrame:
		return d.stepBlock(ctx)
	case atChecksum:
		return d.stepChecksum(ctx)
	}
	return io.EOF
}

// need peeks n bytes that must be there.
func (d *Decoder) need(ctx context.Context, n int) ([]byte, error) {
	b, err := d.in.peek(ctx, n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

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
