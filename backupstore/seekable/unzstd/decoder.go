package unzstd

import (
	"context"
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
	return &stream.CorruptError{Format: formatName, In: d.in.off, Out: d.out,
		Reason: "more decoded bytes follow where the stream should end"}
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

// explain says where err, an error of step, happened.
func (d *Decoder) explain(err error) error {
	var failed *sourceError
	switch {
	case err == io.EOF || isMemoryError(err):
		return err
	case errors.As(err, &failed):
		return fmt.Errorf("zstd: read the stored object at %d (decoded byte %d): %w", failed.off,
			d.out, failed.err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("zstd: the stored object ends at byte %d, too early (at decoded "+
			"byte %d): %w", d.in.src.Size(), d.out, io.ErrUnexpectedEOF)
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
