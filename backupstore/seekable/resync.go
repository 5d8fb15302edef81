package seekable

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// Behind damage a zlib or bzip2 stream can be read again without an index. Where
// decoding goes on in spite of the damage, but gives too few bytes or too many,
// those behind it are right, and as far from the end as they should be. Where it
// does not, it is entered at a later block, found by its looks; from there to the
// end it is decoded, which tells how far from the end it begins. A zlib block
// refers to up to 32 KiB before it, which are not known then: what is copied from
// there is wrong, and fails its digest.

// tailBytes is how much longer than it should be a damaged stream may get, and
// how much must have been decoded for a place not to be one by chance.
const tailBytes = 512 << 10

// Resync is called when the decoded bytes at off cannot be had, and looks for an
// entry behind the damage; once for each object, for it decodes the object twice.
// It reports whether it found one: reads behind it go from there. Later calls
// correct what the first one found. An error is ctx's or the share's.
func (o *Object) Resync(ctx context.Context, off int64) (found bool, err error) {
	e, t := o.engine, &o.trust
	e.mu.Lock()
	first := t.met(eventSought)
	known, only := t.at(off)
	corrected := t.widen(off) ||
		known != nil && !only && o.checkpointWithin(known.out, off) && t.met(eventDeceived)
	e.mu.Unlock()
	if corrected {
		return true, nil
	}
	if !first || o.index == nil || o.index.Complete() || codecs[o.alg].find == nil {
		return false, nil
	}
	en, err := o.findEntry(ctx, off)
	if err != nil { // which may pass
		e.mu.Lock()
		t.met(eventTroubled)
		e.mu.Unlock()
		return false, err
	}
	if en == nil {
		return false, nil
	}
	e.mu.Lock()
	t.enter(en)
	ds := e.takeAll(o)
	e.mu.Unlock()
	closeAll(ds)
	return true, nil
}

// entry is how to read what lies behind damage.
type entry struct {
	out   int64              // decoded offset from which it is of use
	cp    *stream.Checkpoint // where decoding begins; nil: at the start,
	shift int64              // and so much must be added to decoded offsets
}

// decoder returns a decoder that begins there.
func (en *entry) decoder(o *Object, s settings) (stream.Decoder, error) {
	if en.cp != nil {
		return resumeDecoder(o.alg, o.src, *en.cp, s)
	}
	return shifted{newDecoder(o.alg, o.src, s), en.shift}, nil
}

// shifted is a Decoder whose offsets are wrong by something.
type shifted struct {
	stream.Decoder
	by int64
}

// Offset implements stream.Decoder.
func (s shifted) Offset() int64 { return s.Decoder.Offset() + s.by }

// Entry is the decoded offset from which on reads go round the damage, 0 when
// there is none such.
func (o *Object) Entry() int64 {
	o.engine.mu.Lock()
	defer o.engine.mu.Unlock()
	if o.trust.entry == nil {
		return 0
	}
	return o.trust.entry.out
}

// behind returns the entry for off, nil where it is of no use, and whether it is
// the only way there.
func (o *Object) behind(off int64) (en *entry, only bool) {
	o.engine.mu.Lock()
	defer o.engine.mu.Unlock()
	return o.trust.at(off)
}

// beforeEntry is how many of the n bytes at off, which lie before the entry, do.
func (o *Object) beforeEntry(off, n int64) int64 {
	if out := o.Entry(); off < out {
		return min(n, out-off)
	}
	return n
}

// checkpointWithin reports whether the index has a checkpoint in (from, off].
func (o *Object) checkpointWithin(from, off int64) bool {
	e, ok := o.index.Before(off)
	return ok && e.Out > from
}

// findEntry returns an entry behind the damage that was met at off, or nil.
func (o *Object) findEntry(ctx context.Context, off int64) (*entry, error) {
	held := decoderBytes(o.alg)
	if err := o.engine.reserve(ctx, held); err != nil {
		return nil, err
	}
	defer func() {
		o.engine.mu.Lock()
		o.engine.release(held)
		o.engine.mu.Unlock()
	}()
	n, in, err := o.toTheEnd(ctx,
		newDecoder(o.alg, o.src, settings{buffers: &o.engine.buffers, workers: 1}))
	switch {
	case err == nil && n == o.length:
		return nil, nil // what is wrong stays where it is
	case err == nil:
		return &entry{out: max(off, o.length-n), shift: o.length - n}, nil
	case !corrupt(err):
		return nil, err
	}
	for {
		cp, found, err := codecs[o.alg].find(ctx, o.src, in)
		if !found || err != nil {
			return nil, err
		}
		var at int64
		d, err := resumeDecoder(o.alg, o.src, cp, settings{buffers: &o.engine.buffers, workers: 1})
		if n = 0; err == nil {
			n, at, err = o.toTheEnd(ctx, d)
		}
		switch {
		case err == nil && n <= o.length:
			cp.Out = o.length - n
			return &entry{out: cp.Out, cp: &cp}, nil
		case err != nil && !corrupt(err):
			return nil, err
		}
		// By chance no block, or there is more damage: then all entries before
		// that meet it.
		if in = cp.In/8 + 1; n > tailBytes {
			in = max(in, at)
		}
	}
}

// toTheEnd decodes with d to the stream's end and returns how many bytes that
// are. An error comes with the stored byte where it was met, about.
func (o *Object) toTheEnd(ctx context.Context, d stream.Decoder) (n, in int64, err error) {
	defer d.Close()
	begin := d.Offset()
	if _, err = d.Skip(ctx, o.length+tailBytes); err == io.EOF {
		err = d.Finish(ctx)
	} else if err == nil {
		err = errTooLong
	}
	if bad, ok := errors.AsType[*stream.CorruptError](err); ok {
		in = bad.In
	}
	return d.Offset() - begin, in, err
}

var errTooLong = fmt.Errorf("%w: it decodes to far more than it should", stream.ErrCorrupt)
