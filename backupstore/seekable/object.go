package seekable

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// Algorithm is how an object is stored.
type Algorithm uint8

// The algorithms of Cinder's chunked backup driver.
const (
	Raw   Algorithm = iota + 1 // the plain bytes
	Zlib                       // RFC 1950
	Bzip2                      // bzip2
	Zstd                       // RFC 8878
)

// Streams reports whether objects of a are streams that decode from front to
// back.
func (a Algorithm) Streams() bool { return a != Raw }

// Object is random access to the decoded bytes of one stored object. It is
// safe for concurrent use.
type Object struct {
	engine *Engine
	src    stream.Source
	alg    Algorithm
	length int64

	parked []*list.Element // guarded by engine.mu
}

// NewObject returns the object whose stored bytes are src and of which length
// decoded bytes are used: no read ever decodes further.
func (e *Engine) NewObject(src stream.Source, alg Algorithm, length int64) *Object {
	return &Object{engine: e, src: src, alg: alg, length: length}
}

// Length is the number of decoded bytes.
func (o *Object) Length() int64 { return o.length }

// Close drops the object's parked decoders.
func (o *Object) Close() {
	for {
		p := o.engine.take(o, 0, o.length)
		if p == nil {
			return
		}
		o.drop(p)
	}
}

// Start returns the decoded offset at which decoding would begin to reach off:
// bytes between the two cost a reader nothing more.
func (o *Object) Start(off int64) int64 {
	if o.alg == Raw {
		return off
	}
	o.engine.mu.Lock()
	defer o.engine.mu.Unlock()
	if el := nearest(o, 0, off); el != nil {
		return el.Value.(*parkedDecoder).Offset()
	}
	return 0
}

// ReadAt fills p with the decoded bytes at off, all of them or an error:
// io.ErrUnexpectedEOF when the stream ends before, an error that wraps
// stream.ErrCorrupt when it is damaged, ctx's, or what the share said. When ctx
// ends, the work done so far is kept for the next read.
func (o *Object) ReadAt(ctx context.Context, p []byte, off int64) error {
	if off < 0 || off > o.length || int64(len(p)) > o.length-off {
		return fmt.Errorf("read of %d bytes at %d is outside the object's %d bytes", len(p), off, o.length)
	}
	if len(p) == 0 {
		return nil
	}
	if o.alg == Raw {
		n, err := o.src.ReadAt(ctx, p, off)
		if n == len(p) {
			return nil
		}
		return unexpected(err)
	}
	d, err := o.decoder(ctx, off)
	if err != nil {
		return err
	}
	if gap := off - d.Offset(); gap > 0 {
		_, err = d.Skip(ctx, gap)
	}
	if err == nil {
		var n int
		if n, err = d.Read(ctx, p); n == len(p) {
			err = nil
		}
	}
	if err != nil && ctx.Err() == nil {
		o.drop(d)
		return unexpected(err)
	}
	if err == nil && d.Offset() == o.length {
		o.drop(d)
		return nil
	}
	o.engine.park(d)
	return err
}

// Check decodes the object from its start to its end, hands the bytes to each
// in pieces, and checks that the stream ends where the object does and that
// its own checksum is right.
func (o *Object) Check(ctx context.Context, each func([]byte)) error {
	buf := make([]byte, min(1<<20, o.length))
	if o.alg == Raw {
		for off := int64(0); off < o.length; off += int64(len(buf)) {
			buf = buf[:min(int64(len(buf)), o.length-off)]
			if err := o.ReadAt(ctx, buf, off); err != nil {
				return err
			}
			each(buf)
		}
		return nil
	}
	d, err := o.start(ctx)
	if err != nil {
		return err
	}
	defer o.drop(d)
	for left := o.length; left > 0; {
		n, err := d.Read(ctx, buf[:min(int64(len(buf)), left)])
		each(buf[:n])
		left -= int64(n)
		if err != nil && left > 0 {
			return unexpected(err)
		}
	}
	return unexpected(d.Finish(ctx))
}

// decoder returns a decoder that stands at or before off.
func (o *Object) decoder(ctx context.Context, off int64) (*parkedDecoder, error) {
	if p := o.engine.take(o, 0, off); p != nil {
		return p, nil
	}
	return o.start(ctx)
}

func (o *Object) start(ctx context.Context) (*parkedDecoder, error) {
	// What a decoder of a usual stream holds; corrected when it is parked.
	held := map[Algorithm]int64{Zlib: 1 << 20, Bzip2: 12 << 20, Zstd: 12 << 20}[o.alg]
	if err := o.engine.reserve(ctx, held); err != nil {
		return nil, err
	}
	d, err := newDecoder(o.alg, o.src)
	if err != nil {
		o.engine.release(held)
		return nil, err
	}
	return &parkedDecoder{Decoder: d, object: o, held: held}, nil
}

func (o *Object) drop(d *parkedDecoder) {
	d.Close()
	o.engine.release(d.held)
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
