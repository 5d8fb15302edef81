package inflate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

const (
	outBytes  = windowBytes + 128<<10
	stepBytes = 64 << 10 // decoded between looks at ctx; the checksum finds them in the cache
)

// Options say what a Decoder does besides decoding.
type Options struct {
	// Observer, if not nil, is told of checkpoints and of runs of zeros.
	Observer stream.Observer
	// Spacing is the wanted number of decoded bytes between checkpoints;
	// 0 means DefaultSpacing. The actual spacing is up to a quarter more, and
	// larger where long runs of zeros make decoding cheap.
	Spacing int64
	// NoChecksum leaves out the Adler-32 of the stream, for callers that check
	// the decoded bytes in another way.
	NoChecksum bool
	// Workers, if more than 1, is the number of processors to decode with:
	// others decode ahead from guessed places while Read and Skip are called.
	// Goroutines run only shortly beyond a call, and end with Close at the latest.
	Workers int
	// MaxBytes bounds the memory of what is decoded ahead. The least, 20 MiB,
	// keeps one worker busy; 0 means twice that for each.
	MaxBytes int64
}

// Decoder decodes one zlib stream. It implements stream.Decoder.
type Decoder struct {
	core
	ins   *inBuffers // back core's slices; nil after Close
	outs  *outBuffer
	ahead *ahead // decodes ahead; nil for one worker
	rd    int    // out[rd:pos] is decoded and not yet returned
	err   error  // that ended decoding

	opened  bool              // the zlib header was read, or the checkpoint was reached
	resume  stream.Checkpoint // Out is 0 for a Decoder that starts at the start
	summing bool
	summed  adler // of everything before pos
	trailer error // result of the check of the trailer; errUnchecked before
}

var errUnchecked = errors.New("not checked")

// inBuffers and outBuffer are what a Decoder borrows from the pools.
type inBuffers struct {
	in  [inputBytes + inputSlack]byte
	tab tables
}

type outBuffer [outBytes + outMargin]byte

// The pools keep buffers between Decoders: clearing fresh ones would take
// longer than a small read.
var (
	inPool  = sync.Pool{New: func() any { return new(inBuffers) }}
	outPool = sync.Pool{New: func() any { return new(outBuffer) }}
)

var _ stream.Decoder = (*Decoder)(nil)

// New returns a Decoder at the start of the zlib stream that src begins with.
// It reads nothing yet.
func New(src stream.Source, opt Options) *Decoder {
	d := newDecoder(src, opt)
	d.summing = !opt.NoChecksum
	d.summed = adler{a: 1}
	return d
}

// Resume returns a Decoder that continues at cp. It reads nothing yet; an error
// is a *stream.CorruptError and means that cp does not belong to src.
func Resume(src stream.Source, cp stream.Checkpoint, opt Options) (*Decoder, error) {
	bad := func(reason string) error {
		return &stream.CorruptError{Format: "zlib", In: cp.In / 8, Out: cp.Out,
			Reason: "checkpoint: " + reason}
	}
	delta, n := binary.Uvarint(cp.State)
	switch {
	case cp.In < 16 || cp.In/8 >= src.Size():
		return nil, bad("outside of the stored object")
	case cp.Out < 0 || cp.Out > cp.In*matchMax: // a bit, at most, is a match
		return nil, bad("impossible offset")
	case n <= 0 || delta > uint64(cp.In-16):
		return nil, bad("bad place of the block header")
	}
	d := newDecoder(src, opt)
	window := d.out[:min(cp.Out, windowBytes)]
	rest, err := stream.ExpandWindow(window, cp.State[n:])
	if err != nil || len(rest) != 0 {
		d.Close()
		return nil, bad("bad window")
	}
	d.pos, d.rd = len(window), len(window)
	d.base = cp.Out - int64(len(window))
	d.from = d.base
	d.header = cp.In - int64(delta)
	d.in.seek(d.header)
	d.resume = stream.Checkpoint{In: cp.In, Out: cp.Out}
	if d.ahead != nil {
		d.ahead.skipTo(cp.In / 8)
	}
	if d.marks != nil {
		d.marks.placeAfter(cp.Out)
	}
	return d, nil
}

func newDecoder(src stream.Source, opt Options) *Decoder {
	d := &Decoder{
		ins:     inPool.Get().(*inBuffers),
		outs:    outPool.Get().(*outBuffer),
		trailer: errUnchecked,
	}
	d.in.src, d.in.buf = src, d.ins.in[:0]
	d.in.seek(0)
	d.own = &d.ins.tab
	d.out = d.outs[:]
	if opt.Workers > 1 && haveFast {
		d.ahead = newAhead(src, opt)
	}
	if opt.Observer != nil {
		d.marks = newMarks(opt)
	}
	return d
}

// Offset implements stream.Decoder.
func (d *Decoder) Offset() int64 { return d.base + int64(d.rd) }

// MemoryBytes implements stream.Decoder.
func (d *Decoder) MemoryBytes() int64 {
	if d.ins == nil {
		return 0
	}
	n := int64(inputBytes + outBytes + 4*(litRoom+distRoom))
	if d.marks != nil {
		n += windowBytes + 4*int64(cap(d.marks.refs))
	}
	if d.ahead != nil {
		n += d.ahead.memoryBytes()
	}
	return n
}

// Close implements stream.Decoder. It waits for what decodes ahead to stop.
func (d *Decoder) Close() {
	if d.ins == nil {
		return
	}
	if d.ahead != nil {
		d.ahead.close()
	}
	inPool.Put(d.ins)
	outPool.Put(d.outs)
	d.ins, d.outs, d.own, d.tab, d.out, d.in.buf = nil, nil, nil, nil, nil, nil
	d.rd, d.pos = 0, 0
	d.err = errors.New("zlib: decoder used after Close")
}

// Read implements stream.Decoder.
func (d *Decoder) Read(ctx context.Context, p []byte) (n int, err error) {
	for {
		k := copy(p[n:], d.out[d.rd:d.pos])
		d.rd += k
		n += k
		if n == len(p) || err != nil {
			if n == len(p) {
				err = nil // it comes again with the next call
			}
			return n, err
		}
		err = d.more(ctx, int64(len(p)-n))
	}
}

// Skip implements stream.Decoder.
func (d *Decoder) Skip(ctx context.Context, n int64) (int64, error) {
	var done int64
	var err error
	for n = max(n, 0); ; {
		k := min(n-done, int64(d.pos-d.rd))
		d.rd += int(k)
		done += k
		if done >= n {
			return done, nil
		}
		if err != nil {
			return done, err
		}
		err = d.more(ctx, n-done)
	}
}

// more decodes some of the next n bytes, if any. Everything decoded before has
// been returned. It may have decoded something also if it returns an error.
func (d *Decoder) more(ctx context.Context, n int64) error {
	if d.err != nil {
		return d.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.ahead != nil && d.ahead.ready() {
		return d.keep(ctx, d.nextPiece(ctx))
	}
	if d.state == atEnd {
		return io.EOF
	}
	end := len(d.out) - outMargin
	if room := end - d.pos; int64(room) < min(n, 16<<10) {
		d.slide()
	}
	before := d.pos
	err := d.start(ctx)
	if err == nil {
		if d.ahead != nil {
			d.until = d.ahead.expect()
		}
		err = d.decode(ctx, int(min(int64(d.pos)+min(n, stepBytes), int64(end))))
	}
	d.sum(before)
	if err == nil && d.halted() {
		err = d.join(ctx)
	}
	return d.keep(ctx, err)
}

// sum adds what is behind out[before] to the checksum.
func (d *Decoder) sum(before int) {
	if d.summing {
		d.summed.add(d.out[before:d.pos])
	}
}

// keep makes an error final, unless it is ctx's.
func (d *Decoder) keep(ctx context.Context, err error) error {
	if err != nil && (ctx.Err() == nil || !errors.Is(err, ctx.Err())) {
		d.err = err
	}
	return err
}

// slide moves the history to the start of out.
func (d *Decoder) slide() {
	if shift := d.pos - windowBytes; shift > 0 {
		copy(d.out, d.out[shift:d.pos])
		d.pos -= shift
		d.rd -= shift
		d.base += int64(shift)
	}
}

// start reads what is before the first symbol.
func (d *Decoder) start(ctx context.Context) error {
	if d.opened {
		return nil
	}
	if err := d.in.want(ctx, headerBytes); err != nil {
		return err
	}
	if d.resume.In > 0 {
		if err := d.enter(); err != nil {
			return err
		}
	} else if wrong := d.zlibHeader(); wrong != "" {
		return d.corrupt(wrong)
	}
	d.opened = true
	return nil
}

// zlibHeader checks the header of RFC 1950, 2.2.
func (d *Decoder) zlibHeader() (wrong string) {
	v, ok := d.in.take(16)
	d.in.unload()
	cmf, flg := v&0xff, v>>8
	switch {
	case !ok:
		return truncated
	case cmf&15 != 8 || cmf>>4 > 7 || (cmf<<8|flg)%31 != 0:
		return "not a zlib stream"
	case flg&0x20 != 0:
		return "stream needs a preset dictionary"
	}
	return ""
}

// enter goes to the bit of the checkpoint, which may be inside of a block.
func (d *Decoder) enter() error {
	if d.resume.In == d.header {
		return nil
	}
	if wrong := d.open(); wrong != "" {
		return d.corrupt(wrong)
	}
	ahead := d.resume.In - d.in.bit()
	if d.state == inStored {
		if ahead%8 != 0 || ahead/8 > int64(d.stored) {
			ahead = -1
		}
		d.stored -= int(ahead / 8)
	}
	if ahead < 0 {
		return d.corrupt("checkpoint: not inside of its block")
	}
	d.in.seek(d.resume.In)
	return nil
}

// Finish implements stream.Decoder.
func (d *Decoder) Finish(ctx context.Context) error {
	if d.trailer != errUnchecked {
		return d.trailer
	}
	if d.err == nil && d.rd == d.pos {
		// What is left of the stream has no bytes, if it is right.
		if err := d.more(ctx, 1); err != nil && err != io.EOF {
			return err
		}
	}
	if d.err != nil {
		return d.err
	}
	if d.rd != d.pos {
		return d.corrupt("stream goes on behind its expected end")
	}
	if err := d.in.want(ctx, 8); err != nil {
		return d.keep(ctx, err)
	}
	d.trailer = nil
	if wrong := d.checkTrailer(); wrong != "" {
		d.trailer = d.corrupt(wrong)
	}
	return d.trailer
}

// Another reports whether what looks like another zlib stream follows this one, which has been read
// to its end. Its bytes do not belong to the object.
func (d *Decoder) Another(ctx context.Context) bool {
	const trailerBytes, headBytes = 4, 2
	skip := trailerBytes
	if d.trailer != errUnchecked {
		skip = 0 // Finish has passed it
	}
	if d.ins == nil || d.state != atEnd || d.in.want(ctx, skip+headBytes) != nil {
		return false
	}
	head := d.in.buf[min(d.in.pos+skip, len(d.in.buf)):]
	return len(head) >= headBytes && head[0] != 0 && head[0]&15 == 8 && head[0]>>4 <= 7 &&
		binary.BigEndian.Uint16(head)%31 == 0
}

func (d *Decoder) checkTrailer() (wrong string) {
	in := &d.in
	in.take(in.nb & 7)
	hi, _ := in.take(16)
	lo, ok := in.take(16)
	in.unload()
	if !ok {
		return truncated
	}
	var be [4]byte
	binary.LittleEndian.PutUint16(be[:], uint16(hi))
	binary.LittleEndian.PutUint16(be[2:], uint16(lo))
	if want := binary.BigEndian.Uint32(be[:]); d.summing && want != d.summed.sum() {
		return fmt.Sprintf("checksum of the stream is %08x, of the decoded bytes %08x", want,
			d.summed.sum())
	}
	return ""
}
