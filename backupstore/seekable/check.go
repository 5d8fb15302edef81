package seekable

import (
	"context"
	"fmt"

	"github.com/restorefs/restorefs/backupstore/seekable/index"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// Check decodes the object from its start and passes its bytes to each, in pieces. A fault in the
// end of the stream, or of its own checksum, is oddEnd: callers that prove the bytes in another way
// may ignore it.
func (o *Object) Check(ctx context.Context, each func([]byte)) (oddEnd, err error) {
	buf := make([]byte, min(1<<20, o.length))
	if o.alg == Raw {
		for off := int64(0); off < o.length; off += int64(len(buf)) {
			buf = buf[:min(int64(len(buf)), o.length-off)]
			if err := o.ReadAt(ctx, buf, off); err != nil {
				return nil, err
			}
			each(buf)
		}
		return o.CheckEnd(ctx), nil
	}
	for done := int64(0); ; {
		again := false
		if done, again, oddEnd, err = o.check(ctx, buf, done, each); !again {
			return oddEnd, err
		}
	}
}

// check is Check with one decoder, from done on. Again says that another with
// more memory has to go on where this one came to.
func (o *Object) check(ctx context.Context, buf []byte, done int64, each func([]byte)) (at int64,
	again bool, oddEnd, err error) {
	held := o.decoderBytes(false)
	if err := o.engine.reserve(ctx, held); err != nil {
		return done, false, nil, err
	}
	o.engine.count.starts.Add(1)
	s := settings{buffers: &o.engine.buffers, workers: 1, checksum: true, most: held,
		length: o.length}
	d := &decoder{Decoder: newDecoder(o.alg, o.src, s), object: o, held: held}
	defer o.engine.drop(d)
	_, err = d.Skip(ctx, done)
	for err == nil && done < o.length {
		var n int
		n, err = d.Read(ctx, buf[:min(int64(len(buf)), o.length-done)])
		each(buf[:n])
		done += int64(n)
	}
	if done == o.length {
		err = finish(ctx, d)
	} else {
		err = ended(ctx, d, err)
	}
	if again, err = o.outgrown(false, err); again {
		return done, true, nil, nil
	}
	if done < o.length {
		return done, false, nil, unexpected(err)
	}
	if oddEnd = unexpected(err); oddEnd == nil {
		o.endsRight.Store(true)
	}
	return done, false, oddEnd, ctx.Err()
}

// CheckEnd checks that what is stored ends where the object does, decoding from
// the last checkpoint on unless a read has come to the end already. The error wraps
// stream.ErrCorrupt or io.ErrUnexpectedEOF if not. Bytes behind the end of a
// compressed stream are allowed, as Cinder allows them.
func (o *Object) CheckEnd(ctx context.Context) error {
	if o.alg == Raw {
		if n := o.src.Size(); n != o.length {
			return fmt.Errorf("%w: %d bytes are stored, not %d", stream.ErrCorrupt, n, o.length)
		}
		return nil
	}
	if o.endsRight.Load() {
		return nil
	}
	for {
		var at index.Entry
		found, dropped := false, o.dropped()
		if o.index != nil {
			at, found = o.index.Before(o.length)
		}
		d := &decoder{object: o, sinceDrop: dropped}
		again, err := o.start(ctx, d, at, found)
		if err != nil {
			return err
		}
		if again {
			continue
		}
		_, err = d.Skip(ctx, o.length-d.Offset())
		if err == nil {
			err = finish(ctx, d)
		}
		o.engine.drop(d)
		if again, err = o.outgrown(false, err); again {
			continue
		}
		return unexpected(err)
	}
}
