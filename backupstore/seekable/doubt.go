package seekable

import (
	"context"
	"errors"
	"io"

	"github.com/restorefs/restorefs/backupstore/seekable/index"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// A wrong index and a damaged object look the same to a read through the index. Decoding the object
// from its start tells them apart. The difference matters: a wrong index must be dropped, a right
// one leads past the damage, to the bytes behind the next checkpoint.

// aheadBytes is how far ahead of what it hands out a decoder may have met damage.
const aheadBytes = 128 << 10

// Distrust is called when decoded bytes failed their verification. It reports
// whether another try is worth it: the first call drops the index, which could
// be at fault, and others may have been under way at that time. Where the second
// try fails too, the object itself is to blame.
func (o *Object) Distrust() bool { return o.without((*index.Index).Drop) }

// Disown is Distrust where nothing is known to be wrong: what is read from now on
// owes nothing to an index that was found.
func (o *Object) Disown() { o.without((*index.Index).Disown) }

// without drops the index, once, and reports whether there may have been one. No caller returns
// before the index is dropped, as it must not be used when the caller reads again.
func (o *Object) without(drop func(*index.Index)) bool {
	if o.index == nil {
		return false
	}
	o.dropping.Do(func() {
		drop(o.index)
		// After that: a decoder that begins now has seen nothing of the old index.
		o.engine.mu.Lock()
		o.trust.met(eventMisled)
		ds := o.engine.takeAll(o)
		o.engine.mu.Unlock()
		closeAll(ds)
	})
	return true
}

// dropped reports whether the index is none that was found from now on.
func (o *Object) dropped() bool {
	o.engine.mu.Lock()
	defer o.engine.mu.Unlock()
	return o.trust.index == indexDropped
}

// Reenter drops the decoders that stand inside the object, because bytes that
// were read failed verification, and reports whether another try is worth it:
// behind a checkpoint the decoded bytes may be right again, and where the index
// has been dropped they may have been read before that.
func (o *Object) Reenter() bool {
	if o.index == nil {
		return false
	}
	complete := o.index.Complete()
	var ds []*decoder
	o.engine.mu.Lock()
	dropped := o.trust.index == indexDropped
	if complete {
		ds = o.engine.takeAll(o)
	}
	o.engine.mu.Unlock()
	closeAll(ds)
	return complete || dropped
}

// ReadPlain is ReadAt without the index, from the object's start, for bytes that
// failed their verification. It is not tried where it would give the same: there
// is no index, or its guilt is settled. If the bytes are right now the caller
// calls Distrust, if not, Vindicate.
func (o *Object) ReadPlain(ctx context.Context, p []byte, off int64) (tried bool, err error) {
	if o.index == nil || o.settled() {
		return false, nil
	}
	for again := true; again; {
		var d *decoder
		if d, err = o.skipPlain(ctx, off); err == nil {
			_, err = d.Read(ctx, p)
		}
		if d != nil {
			err = ended(ctx, d, err)
			o.engine.drop(d)
		}
		again, err = o.outgrown(false, err)
	}
	return true, unexpected(err)
}

// Vindicate says that the object is damaged and its index is not: it is kept.
func (o *Object) Vindicate() {
	o.engine.mu.Lock()
	o.trust.met(eventDamaged)
	o.engine.mu.Unlock()
}

// settled reports whether the index that was found has been judged.
func (o *Object) settled() bool {
	o.engine.mu.Lock()
	defer o.engine.mu.Unlock()
	return o.trust.index != indexFound
}

// skipPlain returns a decoder that has come from the object's start to off.
func (o *Object) skipPlain(ctx context.Context, off int64) (*decoder, error) {
	d := &decoder{object: o, held: o.decoderBytes(false)}
	if err := o.engine.reserve(ctx, d.held); err != nil {
		return nil, err
	}
	o.engine.count.starts.Add(1)
	d.Decoder = newDecoder(o.alg, o.src, settings{buffers: &o.engine.buffers, workers: 1,
		most: d.held, length: o.length})
	_, err := d.Skip(ctx, off)
	return d, err
}

// misled reports whether it was the index's fault that d failed with err at the
// decoded offset at. If so the index is no more.
func (o *Object) misled(ctx context.Context, d *decoder, at int64, err error) bool {
	if !corrupt(err) || !d.resumed {
		return false
	}
	o.engine.mu.Lock()
	judged := o.trust.index
	o.engine.mu.Unlock()
	if judged == indexCleared || d.sinceDrop {
		return false
	}
	if judged == indexFound {
		var err error
		for again := true; again; {
			var plain *decoder
			plain, err = o.skipPlain(ctx, min(at+aheadBytes, o.length))
			if plain != nil {
				o.engine.drop(plain)
			}
			again, err = o.outgrown(false, err)
		}
		if corrupt(err) {
			o.Vindicate()
		}
		if err != nil {
			return false
		}
	}
	return o.Distrust()
}

// corrupt reports whether err says that what is stored is at fault.
func corrupt(err error) bool {
	return errors.Is(err, stream.ErrCorrupt) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF)
}
