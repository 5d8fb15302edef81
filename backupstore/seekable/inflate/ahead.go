package inflate

import (
	"context"
	"io"
	"sync"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// ahead decodes parts of a stream before the Decoder comes to them, in the
// way of rapidgzip. The stored object is divided into strides: a gap, which the
// Decoder decodes in order, and a chunk, which a worker decodes meanwhile with
// an unknown window. The gap is as long as makes both ready at the same time.
//
// The Decoder takes a chunk over if, and only if, it comes to a block header at
// exactly the bit where the chunk begins. Everything else, a wrong guess or damaged
// data, costs only time.
type ahead struct {
	src     stream.Source
	ctx     context.Context // of the workers
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	workers int
	depth   int64 // chunks that may be started and not yet taken over
	chunk   int64 // stored bytes
	stride  int64 // stored bytes of a gap and a chunk

	mu      sync.Mutex // guards what follows; not held while decoding
	next    int64      // the first chunk not started
	limit   int64      // the first that may not be started yet
	running int
	chunks  map[int64]*chunk // started

	// Of the goroutine that reads.
	target  int64 // the chunk that the Decoder comes to next
	behind  int64 // bit at which the target is known to begin; 0: not known
	taken   *chunk
	piece   int // of taken, the next
	zero    int // of taken.zeros, the next
	base    int64
	missing int // bytes at the start of the window that are not there
	lut     *[256 + windowBytes]byte
}

// gapShare is how much a Decoder does in the time in which a worker, with its
// detour over unknown windows, does 10.
const gapShare = 8

func newAhead(src stream.Source, opt Options) *ahead {
	workers := opt.Workers - 1
	depth := int64(2 * workers)
	if opt.MaxBytes > 0 {
		depth = min(depth, max(1, opt.MaxBytes/chunkMemory))
	}
	a := &ahead{
		src:     src,
		workers: workers,
		depth:   depth,
		chunks:  make(map[int64]*chunk),
	}
	a.divide(chunkBytes)
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

// skipTo is called before the first use by a Decoder that resumes at the
// stored byte in.
func (a *ahead) skipTo(in int64) {
	a.target = in / a.stride
	if a.from(a.target) < in {
		a.target++
	}
	a.next = a.target
}

// divide sets the sizes, before the first use.
func (a *ahead) divide(chunk int64) {
	a.chunk = chunk
	a.stride = chunk + chunk*gapShare/10/int64(a.workers)
}

// from and end are the stored bytes of chunk i.
func (a *ahead) from(i int64) int64 { return a.end(i) - a.chunk }
func (a *ahead) end(i int64) int64  { return (i + 1) * a.stride }

// work decodes chunks until there is none to start.
func (a *ahead) work() {
	defer a.wg.Done()
	for {
		a.mu.Lock()
		i := a.next
		if i >= a.limit || a.end(i) > a.src.Size() || a.ctx.Err() != nil {
			a.running--
			a.mu.Unlock()
			return
		}
		a.next++
		k := &chunk{done: make(chan struct{})}
		a.chunks[i] = k
		a.mu.Unlock()
		k.decode(a.ctx, a.src, a.from(i), a.end(i))
	}
}

// expect is the bit from which on the Decoder is to stop at a header, and
// starts workers.
func (a *ahead) expect() int64 {
	a.mu.Lock()
	a.limit = a.target + a.depth
	for a.running < a.workers && a.next < a.limit && a.end(a.next) <= a.src.Size() {
		a.running++
		a.wg.Add(1)
		go a.work()
	}
	a.mu.Unlock()
	if a.behind > 0 {
		return a.behind
	}
	return a.from(a.target) * 8
}

// ready reports whether there are pieces to return.
func (a *ahead) ready() bool { return a.taken != nil }

// drop forgets the target. Its chunk, if started, is done.
func (a *ahead) drop() {
	a.mu.Lock()
	k := a.chunks[a.target]
	delete(a.chunks, a.target)
	a.target++
	a.next = max(a.next, a.target)
	a.mu.Unlock()
	a.behind = 0
	if k != nil {
		k.release()
	}
}

func (a *ahead) close() {
	a.cancel()
	a.wg.Wait()
	for _, k := range a.chunks {
		k.release()
	}
	if a.taken != nil {
		a.taken.release()
	}
}

func (a *ahead) memoryBytes() int64 {
	n := int64(len(a.lutBytes()))
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range a.chunks {
		select {
		case <-k.done:
			n += k.memoryBytes()
		default:
			n += chunkMemory
		}
	}
	if a.taken != nil {
		n += a.taken.memoryBytes()
	}
	return n
}

func (a *ahead) lutBytes() []byte {
	if a.lut == nil {
		return nil
	}
	return a.lut[:]
}

// join is called at a block header at or behind what expect has returned. It
// takes the target over if it begins here.
func (d *Decoder) join(ctx context.Context) error {
	a := d.ahead
	for {
		bit := d.in.bit()
		if bit < a.from(a.target)*8 {
			return nil
		}
		a.mu.Lock()
		k := a.chunks[a.target]
		if k == nil { // not started: now it is the Decoder's own
			a.next = max(a.next, a.target+1)
		}
		a.mu.Unlock()
		if k == nil {
			a.drop()
			continue
		}
		select {
		case <-k.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		switch {
		case !k.ok || k.start < bit:
			a.drop()
		case k.start > bit:
			a.behind = k.start
			return nil
		default:
			a.mu.Lock()
			delete(a.chunks, a.target)
			a.mu.Unlock()
			a.drop()
			d.take(ctx, k)
			return nil
		}
	}
}

// take makes the chunk what comes next.
func (d *Decoder) take(ctx context.Context, k *chunk) {
	a := d.ahead
	if m := d.marks; m != nil {
		m.flushZeros()
		m.zeroStart, m.zeroEnd = 0, 0
		if m.recording {
			d.record(ctx)
		}
	}
	if a.lut == nil {
		a.lut = new([256 + windowBytes]byte)
		for i := range 256 {
			a.lut[i] = byte(i)
		}
	}
	history := int(min(windowBytes, d.offset()-d.from))
	a.missing = windowBytes - history
	copy(a.lut[256+a.missing:], d.out[d.pos-history:d.pos])
	a.taken, a.piece, a.zero, a.base = k, 0, 0, d.offset()
}

// nextPiece returns the next piece of the chunk that was taken over.
func (d *Decoder) nextPiece(ctx context.Context) error {
	a := d.ahead
	k := a.taken
	p := k.pieces[a.piece]
	last := a.piece == len(k.pieces)-1
	if p.out16 != nil {
		d.slide()
		values := p.out16[windowBytes:p.end]
		if !resolve(d.out[d.pos:], values, a.lut, a.missing) {
			return d.corrupt(badDistance)
		}
		before := d.pos
		d.pos += len(values)
		p.release()
		d.sum(before)
	} else {
		d.base = d.offset() - windowBytes
		outPool.Put(d.outs)
		d.outs, d.out = p.out, p.out[:]
		d.rd, d.pos = windowBytes, p.end
		d.sum(windowBytes)
	}
	k.pieces[a.piece] = piece{}
	a.piece++
	if last {
		a.taken = nil
		d.header = p.header
		d.in.seek(p.header)
		d.state = atHeader
		d.resume.In = p.in
		d.opened = k.atEnd
		if k.atEnd {
			d.state = atEnd
		}
	}
	if d.marks != nil {
		d.markPiece(ctx, k, p)
	}
	return nil
}

// markPiece tells the Observer of what is in the piece that was just returned.
func (d *Decoder) markPiece(ctx context.Context, k *chunk, p piece) {
	m, a, at := d.marks, d.ahead, d.offset()
	for ; a.zero < len(k.zeros); a.zero++ {
		z := k.zeros[a.zero]
		off := a.base + int64(z.Off)
		if off+int64(z.Len) > at {
			break
		}
		m.observer.Zeros(off, int64(z.Len))
		m.postpone(min(int64(z.Len), at-m.at.Out)) // what is behind the last checkpoint
	}
	switch {
	case d.state == atEnd:
		m.end()
	case at >= m.soft:
		m.takeAt(&d.core, at, p.header, p.in)
		d.record(ctx)
	}
}

// record completes the checkpoint that records by decoding once more what is behind it.
// If that fails there is one checkpoint less.
func (d *Decoder) record(ctx context.Context) {
	m := d.marks
	again := newDecoder(d.in.src, Options{})
	defer again.Close()
	copy(again.out, m.window[windowBytes-m.history:])
	again.pos, again.rd = m.history, m.history
	again.base = m.at.Out - int64(m.history)
	again.from = again.base
	again.header = m.at.In - m.header
	again.in.seek(again.header)
	again.resume = m.at

	hard, soft := m.hard, m.soft
	m.hard, m.soft, m.quiet = never, never, true
	m.refs = m.refs[:0]
	again.marks = m
	_, err := again.Skip(ctx, windowBytes)
	m.hard, m.soft, m.quiet = hard, soft, false
	if m.recording && (err == nil || err == io.EOF) {
		m.report()
	}
	m.recording = false
}
