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

// stepBytes are decoded at most between two reports of progress to those who
// wait for the frontier.
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
	parked     []*list.Element
	closed     bool
	epoch      int    // 1 once the index that was found has been dropped
	vindicated bool   // the object is damaged, not its index
	resynced   bool   // an entry behind damage has been looked for
	entry      *entry // it; nil: none

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
			Object: id.Path, Algorithm: uint8(alg), StoredBytes: src.Size(), ModTime: id.ModTime, MetadataMD5: id.MD5, DecodedBytes: length,
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

// Start returns the decoded offset at which decoding would begin to reach off:
// bytes between the two cost a reader nothing more.
func (o *Object) Start(off int64) int64 {
	if o.alg == Raw {
		return off
	}
	var at int64
	if o.index != nil {
		if e, ok := o.index.Before(off); ok {
			at = e.Out
		}
	}
	o.engine.mu.Lock()
	defer o.engine.mu.Unlock()
	behind := o.entry != nil && off >= o.entry.out
	if behind && o.entry.alone {
		at = o.entry.out
	} else if behind {
		at = max(at, o.entry.out)
	}
	if el := nearest(o, at, off, behind); el != nil {
		at = el.Value.(*decoder).Offset()
	}
	return at
}

// Enterable reports whether the object can be entered anywhere without decoding
// most of it.
func (o *Object) Enterable() bool { return o.alg == Raw || o.index != nil && o.index.Complete() }

// maxSplits bounds what Splits returns for plain bytes, whose length _metadata
// alone tells. That of an index is bounded by its checkpoints.
const maxSplits = 1 << 14

// Splits returns where [off, end) can be cut so that the parts, of min bytes or
// more each, can be decoded independently of each other.
func (o *Object) Splits(off, end, min int64) []int64 {
	var at []int64
	switch {
	case o.alg == Raw:
		min = max(min, (end-off)/maxSplits)
		for off += min; end-off >= min; off += min {
			at = append(at, off)
		}
	case o.index != nil && o.index.Complete():
		for _, e := range o.index.Split(off, end, min) {
			at = append(at, e.Out)
		}
	}
	return at
}

// Distrust is called when decoded bytes failed their verification. It reports
// whether another try is worth it: the first call drops the index, which could
// be at fault, and others may have been under way at that time. Where the second
// try fails too, the object itself is to blame.
func (o *Object) Distrust() bool { return o.without((*index.Index).Drop) }

// Renew is Distrust where nothing is known to be wrong: what is read from now on
// owes nothing to an index that was found.
func (o *Object) Renew() { o.without((*index.Index).Renew) }

// without drops the index, once, and reports whether there may have been one.
// Nobody returns before that is done: who reads again must not come upon it.
func (o *Object) without(drop func(*index.Index)) bool {
	if o.index == nil {
		return false
	}
	o.dropping.Do(func() {
		drop(o.index)
		// After that: a decoder of the new epoch has seen nothing of the old index.
		o.engine.mu.Lock()
		o.epoch++
		ds := o.engine.takeAll(o)
		o.engine.mu.Unlock()
		closeAll(ds)
	})
	return true
}

// nowEpoch is the epoch of what the index is asked from now on.
func (o *Object) nowEpoch() int {
	o.engine.mu.Lock()
	defer o.engine.mu.Unlock()
	return o.epoch
}

// ReadAt fills p with the decoded bytes at off, all of them or an error:
// io.ErrUnexpectedEOF when the stream ends before, an error that wraps
// stream.ErrCorrupt when it is damaged, ctx's, or what the share said. When ctx
// ends, the work done so far is kept for the next read.
func (o *Object) ReadAt(ctx context.Context, p []byte, off int64) error {
	if off < 0 || off > o.length || int64(len(p)) > o.length-off {
		return fmt.Errorf("read of %d bytes at %d is outside the object's %d bytes", len(p), off, o.length)
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
	behind := o.behind(off)
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
	found, epoch := false, o.nowEpoch()
	if o.index != nil {
		at, found = o.index.Before(off)
	}
	behind := o.behind(off)
	from := at.Out - resumeBytes(o.alg)
	if behind != nil && (behind.alone || behind.out > at.Out || !found) {
		from = behind.out
	} else {
		behind = nil
	}
	d := o.engine.take(o, from, off, behind != nil)
	switch {
	case d != nil:
		o.engine.count.continuations.Add(1)
	case behind != nil:
		d = &decoder{object: o, behind: true}
		if err := o.enter(ctx, d, behind); err != nil {
			return 0, err
		}
	default:
		d = &decoder{object: o, epoch: epoch}
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
		if !o.endsRight.Load() && !d.behind && d.Finish(ctx) == nil {
			o.endsRight.Store(true)
		}
		o.engine.drop(d)
		return nil
	case cancelled != nil && errors.Is(err, cancelled):
		o.engine.park(ctx, d)
		return cancelled
	}
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
// was looked for in d's epoch, or at the object's start. Again says that the
// checkpoint was no good and has been forgotten, with the others: there is no
// decoder, the caller has to look again.
func (o *Object) start(ctx context.Context, d *decoder, at index.Entry, found bool) (again bool, err error) {
	e := o.engine
	s := settings{buffers: &e.buffers, workers: 1, length: o.length}
	switch {
	case d.wide:
		s.workers, s.bytes = widest(o.alg, e.workers, e.budget)
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
		if errors.Is(err, index.ErrGone) || errors.Is(err, stream.ErrCorrupt) && d.epoch == 0 && o.Distrust() {
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

// Check decodes the object from its start and hands its bytes to each, in
// pieces. What is wrong with how the stream ends, or with its own checksum, is
// oddEnd: whoever proves the bytes in another way need not mind.
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
func (o *Object) check(ctx context.Context, buf []byte, done int64, each func([]byte)) (at int64, again bool, oddEnd, err error) {
	held := o.decoderBytes(false)
	if err := o.engine.reserve(ctx, held); err != nil {
		return done, false, nil, err
	}
	o.engine.count.starts.Add(1)
	s := settings{buffers: &o.engine.buffers, workers: 1, checksum: true, most: held, length: o.length}
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
		err = d.Finish(ctx)
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

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
