package seekable

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restorefs/restorefs/backupstore/seekable/index"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// Algorithm is how an object is stored.
type Algorithm uint8

// The algorithms of Cinder's chunked backup driver. The numbers are part of the
// identity of an index on disk.
const (
	Raw   Algorithm = iota + 1 // the plain bytes
	Zlib                       // RFC 1950
	Bzip2                      // bzip2
	Zstd                       // RFC 8878
)

// Indexed reports whether objects of length decoded bytes have an index.
// Decoding a short one from its start costs no more than resuming.
func (a Algorithm) Indexed(length int64) bool { return a != Raw && length >= minIndexed }

// Identity is what makes an object the one that an index was made for.
type Identity struct {
	Path    string    // on the share
	ModTime time.Time // of the stored file
	MD5     [16]byte  // that _metadata gives for the decoded bytes
}

// minIndexed is the decoded size below which an object has no index.
const minIndexed = 1 << 20

// stepBytes is the most that is decoded before goroutines that wait for the frontier are told of
// progress.
const stepBytes = 1 << 20

// Object is random access to the decoded bytes of one stored object. It is
// safe for concurrent use.
type Object struct {
	engine *Engine
	src    stream.Source
	alg    Algorithm
	length int64
	index  *index.Index // nil: none is kept

	needs     needs
	endsRight atomic.Bool // what is stored ends where the object does
	dropping  sync.Once   // of the index that was found

	// Guarded by engine.mu.
	parked []*list.Element
	closed bool
	trust  trust

	mu    sync.Mutex
	moved chan struct{} // closed and replaced when the frontier has moved or a build has ended
}

// NewObject returns the object whose stored bytes are src and of which length
// decoded bytes are used: no read decodes further than to see how the stream
// ends.
func (e *Engine) NewObject(src stream.Source, alg Algorithm, length int64, id Identity) *Object {
	o := &Object{engine: e, src: src, alg: alg, length: length, moved: make(chan struct{})}
	if alg.Indexed(length) {
		o.index = e.indexes.Index(index.Key{
			Object: id.Path, Algorithm: uint8(alg), StoredBytes: src.Size(), ModTime: id.ModTime,
			MetadataMD5: id.MD5, DecodedBytes: length,
		})
	}
	return o
}

// Length is the number of decoded bytes.
func (o *Object) Length() int64 { return o.length }

// Close drops the object's parked decoders and gives back its index. It is
// called once, after the last read has returned.
func (o *Object) Close() {
	e := o.engine
	e.mu.Lock()
	o.closed = true
	ds := e.takeAll(o)
	e.mu.Unlock()
	closeAll(ds)
	if o.index != nil {
		o.index.Close()
	}
}

// ReadAt fills p with the decoded bytes at off, all of them or an error:
// io.ErrUnexpectedEOF when the stream ends before, an error that wraps
// stream.ErrCorrupt when it is damaged, ctx's, or what the share said. When ctx
// ends, the work done so far is kept for the next read.
func (o *Object) ReadAt(ctx context.Context, p []byte, off int64) error {
	if off < 0 || off > o.length || int64(len(p)) > o.length-off {
		return fmt.Errorf("read of %d bytes at %d is outside the object's %d bytes", len(p),
			off, o.length)
	}
	o.engine.readers.Add(1)
	defer o.engine.readers.Add(-1)
	for len(p) > 0 {
		n, err := o.read(ctx, p, off)
		if err != nil {
			return unexpected(err)
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// read fills the front of p from the best place there is.
func (o *Object) read(ctx context.Context, p []byte, off int64) (int, error) {
	if o.alg == Raw {
		n, err := o.src.ReadAt(ctx, p, off)
		if n == len(p) {
			err = nil
		}
		return n, err
	}
	if o.index == nil {
		return o.readBehind(ctx, p, off)
	}
	behind, _ := o.behind(off)
	if behind == nil {
		p = p[:o.beforeEntry(off, int64(len(p)))]
		if start, n := o.index.NextZero(off, off+int64(len(p))); n > 0 {
			if start > off {
				p = p[:start-off]
			} else {
				clear(p[:n])
				return int(n), nil
			}
		}
	}
	if o.engine.noBuild || behind != nil || o.needs.noIndex.Load() {
		return o.readBehind(ctx, p, off)
	}
	if frontier := o.index.Frontier(); off < frontier {
		return o.readBehind(ctx, p[:min(int64(len(p)), frontier-off)], off)
	}
	return o.readAhead(ctx, p, off)
}

// readBehind reads what lies behind the frontier: a parked decoder continues,
// or a new one resumes at the checkpoint before off.
func (o *Object) readBehind(ctx context.Context, p []byte, off int64) (int, error) {
	var at index.Entry
	found, dropped := false, o.dropped()
	if o.index != nil {
		at, found = o.index.Before(off)
	}
	behind, only := o.behind(off)
	from := at.Out - codecs[o.alg].resume
	if behind != nil && (only || behind.out > at.Out || !found) {
		from = behind.out
	} else {
		behind = nil
	}
	d := o.engine.take(o, from, off, behind != nil)
	switch {
	case d != nil:
		o.engine.count.continuations.Add(1)
	case behind != nil:
		d = &decoder{object: o, behind: true, sinceDrop: dropped}
		if err := o.enter(ctx, d, behind); err != nil {
			return 0, err
		}
	default:
		d = &decoder{object: o, sinceDrop: dropped}
		if again, err := o.start(ctx, d, at, found); again || err != nil {
			return 0, err
		}
	}
	_, err := d.Skip(ctx, off-d.Offset())
	if err == nil {
		_, err = d.Read(ctx, p)
	}
	whole := err == nil
	if err = o.settle(ctx, d, err); !whole || err != nil {
		return 0, err
	}
	return len(p), nil
}

// settle parks a decoder after a call that failed with err or got all it wanted,
// or drops it when it is of no more use. It returns err, or nil where another
// try is worth it.
func (o *Object) settle(ctx context.Context, d *decoder, err error) error {
	cancelled := ctx.Err()
	switch {
	case err == nil && d.Offset() < o.length:
		o.engine.park(ctx, d)
		return nil
	case err == nil:
		if !o.endsRight.Load() && !d.behind && finish(ctx, d) == nil {
			o.endsRight.Store(true)
		}
		o.engine.drop(d)
		return nil
	case cancelled != nil && errors.Is(err, cancelled):
		o.engine.park(ctx, d)
		return cancelled
	}
	err = ended(ctx, d, err)
	// The second opinion needs the memory that d holds.
	at := d.Offset()
	o.engine.drop(d)
	again, err := o.outgrown(d.build != nil, err)
	if again || err == nil {
		return nil
	}
	if o.misled(ctx, d, at, err) {
		err = nil
	}
	return err
}

// start gives d, which has none yet, a decoder that stands at a checkpoint, which
// was looked for when d was made, or at the object's start. Again says that the
// checkpoint was no good and has been forgotten, with the others: there is no
// decoder, the caller has to look again.
func (o *Object) start(ctx context.Context, d *decoder, at index.Entry,
	found bool) (again bool, err error) {
	e := o.engine
	s := settings{buffers: &e.buffers, workers: 1, length: o.length}
	switch {
	case d.wide:
		s.workers, s.bytes = codecs[o.alg].widest(e.workers, e.budget)
	case e.noBuild && o.length-at.Out > aloneBytes:
		s.workers, s.bytes = e.spare(o.alg)
		d.wide = s.workers > 1
	}
	d.held = max(s.bytes, o.decoderBytes(d.build != nil))
	s.most = d.held
	if err := e.reserve(ctx, d.held); err != nil {
		d.held = 0
		e.drop(d)
		return false, err
	}
	if d.build != nil {
		s.observer = d.build
	}
	if found {
		cp, err := o.index.Checkpoint(at)
		if err == nil {
			d.Decoder, err = resumeDecoder(o.alg, o.src, cp, s)
		}
		if again, short := o.outgrown(d.build != nil, err); again {
			e.drop(d)
			return true, nil
		} else if _, ok := short.(*MemoryError); ok {
			e.drop(d)
			return false, short
		}
		if err == nil {
			d.resumed = true
			e.count.resumes.Add(1)
			return false, nil
		}
		if errors.Is(err, index.ErrGone) || errors.Is(err, stream.ErrCorrupt) && !d.sinceDrop &&
			o.Distrust() {
			e.drop(d)
			return true, nil
		}
		// It costs time, not data.
	}
	e.count.starts.Add(1)
	d.Decoder = newDecoder(o.alg, o.src, s)
	return false, nil
}

// enter gives d, which has none yet, a decoder that stands at an entry behind
// damage.
func (o *Object) enter(ctx context.Context, d *decoder, at *entry) error {
	e := o.engine
	held := decoderBytes(o.alg)
	if err := e.reserve(ctx, held); err != nil {
		return err
	}
	d.held = held
	var err error
	if d.Decoder, err = at.decoder(o, settings{buffers: &e.buffers, workers: 1}); err != nil {
		e.drop(d)
	}
	return err
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
