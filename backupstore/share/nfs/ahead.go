package nfs

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
)

const (
	defaultAhead = 16 << 20
	// maxWindow is the most blocks that are read ahead for one reader, minWindow the fewest, which
	// suffice where a round trip takes nearly no time. More would only pass through more memory.
	minWindow, maxWindow = 2, 16
	// maxStreams bounds the readers in sequence that are followed.
	maxStreams = 64
	// least is the fewest blocks that following a reader takes: the one that it reads and the next.
	least = 2
	// perBlock is how long a fast network takes for a block: 10 Gbit/s.
	perBlock = 400 * time.Microsecond
	// forgotten is after how long a reader that has stopped gives its memory to others. One that is
	// only waiting for its turn keeps it, or all would read everything twice.
	forgotten = time.Second
)

// ahead reads ahead for all files of a server, so that a reader in sequence does not wait for a
// round trip each time. A reader that begins where one of the last reads of its file ended becomes
// a stream; its window of blocks in flight grows while it goes on.
type ahead struct {
	trip atomic.Int64 // the shortest time that a small call took, in nanoseconds

	total     int           // blocks that there is memory for
	forgotten time.Duration // see the constant

	mu      sync.Mutex
	left    int       // blocks that there is memory for now
	streams []*stream // the one used last is the last
	pool    sync.Pool // of *[]byte
}

// stream is a reader in sequence. It is guarded by ahead.mu.
type stream struct {
	f      *file
	blocks []*block // in a row
	at     int      // which of them was used last
	window int      // blocks behind that one that are to be in flight or waiting
	used   time.Time
}

// block is a piece of a file.
type block struct {
	off  int64
	buf  *[]byte
	done chan struct{} // closed when the fields below are set
	n    int
	err  error
	at   share.Stamp // of the file when it was read
	sure bool        // at is known

	// guarded by ahead.mu
	want  *share.Stamp // what the stamp must be, if not nil
	users int
	gone  bool
	ready bool
}

func newAhead(bytes int) *ahead {
	if bytes == 0 {
		bytes = defaultAhead
	}
	total := max(0, bytes/maxPiece)
	a := &ahead{total: total, left: total, forgotten: forgotten}
	a.trip.Store(math.MaxInt64)
	return a
}

// took notes how long a small call took.
func (a *ahead) took(d time.Duration) {
	for was := a.trip.Load(); int64(d) < was; was = a.trip.Load() {
		if a.trip.CompareAndSwap(was, int64(d)) {
			return
		}
	}
}

// fair is how many blocks one reader may have.
func (a *ahead) fair() int { return max(least, a.total/max(1, len(a.streams))) }

// most is how many blocks one reader may have ahead: as many as a fast network carries in the time
// of a round trip, and no more for several readers together than for one.
func (a *ahead) most() int {
	share := max(minWindow, maxWindow/max(1, len(a.streams)))
	trips := int(min(maxWindow, minWindow+a.trip.Load()/int64(perBlock)))
	return min(share, trips, a.fair()-1)
}

// read is file.read with what was read ahead, and reads ahead.
func (a *ahead) read(ctx context.Context, f *file, p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		b, late := a.take(f, off+int64(done))
		if b == nil {
			break
		}
		n, end, err := b.copy(ctx, p[done:], off+int64(done))
		a.give(b)
		done += n
		switch {
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case late && share.Away(err): // the reader has waited, and would wait as long again
			a.forget(f, nil)
			return 0, err
		case err != nil: // asked for directly, for the reader to know what is wrong
			a.forget(f, nil)
		case end:
			return done, nil
		}
	}
	if done < len(p) {
		n, err := f.read(ctx, p[done:], off+int64(done))
		if err != nil {
			return 0, err
		}
		done += n
	}
	a.passed(f, off, off+int64(done))
	return done, nil
}

// copy waits for the block and copies what it has at off. end means that the file ends there.
func (b *block) copy(ctx context.Context, p []byte, off int64) (n int, end bool, err error) {
	select {
	case <-b.done:
	case <-ctx.Done():
		return 0, false, ctx.Err()
	}
	if b.err != nil {
		return 0, false, b.err
	}
	if at := off - b.off; at < int64(b.n) {
		n = copy(p, (*b.buf)[at:b.n])
	}
	return n, n < len(p) && b.n < len(*b.buf), nil
}

// take returns the block that has off, for give to be called with, or nil. late means that it is to
// be waited for.
func (a *ahead) take(f *file, off int64) (b *block, late bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, s := range a.streams {
		if s.f != f {
			continue
		}
		for j, b := range s.blocks {
			if off < b.off || off >= b.off+int64(len(*b.buf)) {
				continue
			}
			if b.spoiled() {
				a.end(s)
				return nil, false
			}
			b.users++
			s.used = time.Now()
			a.streams = append(slices.Delete(a.streams, i, i+1), s)
			a.advance(s, j)
			return b, !b.ready
		}
	}
	return nil, false
}

// advance notes that block j of s is used. The one before it is kept where there is memory: readers
// may overtake each other a little.
func (a *ahead) advance(s *stream, j int) {
	if j > s.at {
		s.window = min(a.most(), s.window*2)
		s.at = j
	}
	past := s.at
	if a.fair() > s.window+1 {
		past--
	}
	if past > 0 {
		for _, b := range s.blocks[:past] {
			a.free(b)
		}
		s.blocks = slices.Delete(s.blocks, 0, past)
		s.at -= past
	}
	a.extend(s)
}

// spoiled reports whether the block may not be used: it is of an older state of the file. It is
// called with mu held.
func (b *block) spoiled() bool {
	return b.ready && b.want != nil && (!b.sure || b.at != *b.want)
}

func (a *ahead) give(b *block) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b.users--
	a.release(b)
}

// free gives the block's memory back as soon as nobody uses it.
func (a *ahead) free(b *block) {
	b.gone = true
	a.release(b)
}

func (a *ahead) release(b *block) {
	if b.gone && b.users == 0 && b.ready && b.buf != nil {
		full := (*b.buf)[:cap(*b.buf)]
		a.pool.Put(&full)
		b.buf = nil
		a.left++
	}
}

// end forgets a stream.
func (a *ahead) end(s *stream) {
	for _, b := range s.blocks {
		a.free(b)
	}
	s.blocks = nil
	a.streams = slices.DeleteFunc(a.streams, func(t *stream) bool { return t == s })
}

// passed notes that a read of [from, to) is over, and begins to read ahead if it went on where
// another had ended.
func (a *ahead) passed(f *file, from, to int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.Index(f.ends[:], from)
	if i < 0 || to == from {
		f.ends[f.turn] = to
		f.turn = (f.turn + 1) % len(f.ends)
		return
	}
	f.ends[i] = to
	// A large read has READs in flight itself. Where a round trip takes nearly no time more gain
	// nothing, and each byte that was read ahead is copied once more.
	if to-from >= int64(2*f.piece()) && a.trip.Load() < int64(perBlock) {
		return
	}
	if to >= f.Size() ||
		slices.ContainsFunc(a.streams, func(s *stream) bool { return s.has(f, to) }) {
		return
	}
	a.evict()
	if len(a.streams) == maxStreams {
		return
	}
	s := &stream{f: f, window: minWindow, used: time.Now()}
	a.streams = append(a.streams, s)
	s.window = min(s.window, a.most())
	if !a.start(s, to) {
		a.end(s)
		return
	}
	a.extend(s)
}

// evict ends the streams of readers that have stopped.
func (a *ahead) evict() {
	for len(a.streams) > 0 && time.Since(a.streams[0].used) > a.forgotten {
		a.end(a.streams[0])
	}
}

// shrink takes from streams that have more than they may have what is farthest ahead, for one of
// the others.
func (a *ahead) shrink(other *stream) {
	fair := a.fair()
	for _, s := range a.streams {
		if s == other {
			continue
		}
		for n := len(s.blocks) - 1; n >= fair && n > s.at && s.blocks[n].users == 0; n-- {
			a.free(s.blocks[n])
			s.blocks = s.blocks[:n]
		}
		s.window = max(1, min(s.window, fair-1))
	}
}

// has reports whether the stream serves a reader of f that is at off.
func (s *stream) has(f *file, off int64) bool {
	if s.f != f || len(s.blocks) == 0 {
		return false
	}
	last := s.blocks[len(s.blocks)-1]
	return off >= s.blocks[0].off && off <= last.off+int64(len(*last.buf))
}

// extend reads ahead as far as the window goes.
func (a *ahead) extend(s *stream) {
	for len(s.blocks) > 0 && len(s.blocks)-s.at-1 < s.window {
		last := s.blocks[len(s.blocks)-1]
		next := last.off + int64(len(*last.buf))
		if next >= s.f.Size() || last.ready && last.err != nil || !a.start(s, next) {
			return
		}
	}
}

// start begins to read the block of s at off. If there is no memory it takes some from readers that
// have stopped or have more than others; false means that there is none yet.
func (a *ahead) start(s *stream, off int64) bool {
	if a.left == 0 && len(s.blocks) < a.fair() {
		a.shrink(s)
	}
	if a.left == 0 || s.f.closed.Load() {
		return false
	}
	a.left--
	size := s.f.piece()
	buf, _ := a.pool.Get().(*[]byte)
	if buf == nil || cap(*buf) < size {
		buf = new(make([]byte, size))
	}
	*buf = (*buf)[:min(int64(size), s.f.Size()-off)]
	b := &block{off: off, buf: buf, done: make(chan struct{})}
	s.blocks = append(s.blocks, b)
	go a.fetch(s.f, b)
	return true
}

func (a *ahead) fetch(f *file, b *block) {
	n, last, err := f.readPiece(f.ctx, *b.buf, b.off)
	a.mu.Lock()
	defer a.mu.Unlock()
	b.n, b.err, b.at, b.sure = n, err, last.Attr.Stamp, last.Known
	b.ready = true
	if b.spoiled() {
		b.err = errOlder
	}
	close(b.done)
	a.release(b)
}

// forget drops what was read ahead of a file, or with stamp what does not have it.
func (a *ahead) forget(f *file, stamp *share.Stamp) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range slices.Clone(a.streams) {
		if s.f != f {
			continue
		}
		spoiled := stamp == nil
		for _, b := range s.blocks {
			b.want = stamp
			spoiled = spoiled || b.spoiled()
		}
		if spoiled {
			a.end(s)
		}
	}
}
