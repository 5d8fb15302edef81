package objects

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// blockBytes is the least that a request asks for, unless the object ends. A request costs a
	// round trip and some work on both sides, whatever it asks for: a reader of 4 KiB gets the rest
	// of a MiB with it, which a decoder is about to want. For a reader in sequence one request asks
	// for several blocks.
	blockBytes = 1 << 20
	// defaultAhead is how much memory that takes at most.
	defaultAhead = 16 << 20
	// maxWindow is how many blocks are on their way for one reader at most.
	maxWindow = 8
	// forgotten is after how long a reader that has stopped gives its memory to others.
	forgotten = time.Second
)

// source is a file of which blocks are read.
type source interface {
	// fetch fills parts, one behind the other, from offset off, with one request unless that is
	// cut. It calls full with the number of each part when that is filled.
	fetch(ctx context.Context, parts [][]byte, off int64, full func(part int)) error
	// Size is the length of the file.
	Size() int64
	// life ends when the file is closed.
	life() context.Context
}

// ahead joins small reads of all files of a store into requests of a MiB, and those of a reader in
// sequence into larger ones, which are made before it asks. A reader begins a row of blocks where
// it reads; when it goes on from one into the next, more of them are on their way.
type ahead struct {
	total int // blocks that there is memory for

	mu   sync.Mutex
	left int    // blocks that there is memory for now
	rows []*row // the one used last is the last
	pool sync.Pool
}

// row is the blocks of one reader, one behind the other. It is guarded by ahead.mu.
type row struct {
	of     source
	blocks []*block
	window int // blocks behind the one in use that are to be there
	used   time.Time
}

// block is a piece of a file. Its bytes and err are set when done is closed.
type block struct {
	off  int64
	buf  []byte
	done chan struct{}
	err  error

	// guarded by ahead.mu
	users int
	ready bool
	gone  bool // no row has it
}

func newAhead(bytes int) *ahead {
	total := max(1, bytes/blockBytes)
	return &ahead{total: total, left: total}
}

// read fills p, which lies within the file.
func (a *ahead) read(ctx context.Context, of source, p []byte, off int64) error {
	for len(p) > 0 {
		if len(p) >= 2*blockBytes && !a.has(of, off) {
			return pieces(ctx, of, p, off)
		}
		b := a.take(of, off)
		if b == nil { // all memory is in use
			n := min(len(p), blockBytes)
			if err := of.fetch(ctx, [][]byte{p[:n]}, off, func(int) {}); err != nil {
				return err
			}
			p, off = p[n:], off+int64(n)
			continue
		}
		old := b.failed()
		n, err := b.copy(ctx, p, off)
		a.give(b)
		if err != nil {
			a.forget(of)
		}
		if err != nil && old && ctx.Err() == nil {
			// It failed before this call, perhaps long ago: the server may be back.
			n = min(len(p), blockBytes)
			err = of.fetch(ctx, [][]byte{p[:n]}, off, func(int) {})
		}
		if err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// pieces reads what is large by itself, several requests at a time, without a copy.
func pieces(ctx context.Context, of source, p []byte, off int64) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxWindow)
	for at := 0; at < len(p); at += blockBytes {
		part := p[at:min(len(p), at+blockBytes)]
		group.Go(func() error {
			return of.fetch(ctx, [][]byte{part}, off+int64(at), func(int) {})
		})
	}
	return group.Wait()
}

// failed reports whether the block is known not to have come.
func (b *block) failed() bool {
	select {
	case <-b.done:
		return b.err != nil
	default:
		return false
	}
}

// copy waits for the block and copies what it has at off.
func (b *block) copy(ctx context.Context, p []byte, off int64) (int, error) {
	select {
	case <-b.done:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if b.err != nil {
		return 0, b.err
	}
	return copy(p, b.buf[off-b.off:]), nil
}

// has reports whether a row has the byte at off.
func (a *ahead) has(of source, off int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.rows {
		if r.of == of && r.find(off) >= 0 {
			return true
		}
	}
	return false
}

// find returns which block has the byte at off, -1 if none does.
func (r *row) find(off int64) int {
	return slices.IndexFunc(r.blocks, func(b *block) bool {
		return off >= b.off && off < b.off+int64(len(b.buf))
	})
}

// end is the offset behind the last block.
func (r *row) end() int64 {
	last := r.blocks[len(r.blocks)-1]
	return last.off + int64(len(last.buf))
}

// take returns the block that has the byte at off, for give to be called with, or nil if there is
// no memory for it. It asks for it, and for those behind it, where that has not been done.
func (a *ahead) take(of source, off int64) *block {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.evict(forgotten)
	var r *row
	at := -1
	for i, other := range a.rows {
		if other.of != of {
			continue
		}
		if at = other.find(off); at >= 0 || other.end() == off {
			r = other
			a.rows = append(slices.Delete(a.rows, i, i+1), r)
			break
		}
	}
	if r == nil {
		r = &row{of: of}
		if off == 0 { // most who begin there read on
			r.window = 1
		}
		a.rows = append(a.rows, r)
	}
	r.used = time.Now()
	if at != 0 && len(r.blocks) > 0 { // it goes on
		r.window = min(maxWindow, max(1, 2*r.window), max(1, a.total/len(a.rows)-1))
	}
	if at < 0 {
		if !a.add(r, off, 1) {
			a.drop(r)
			return nil
		}
		at = len(r.blocks) - 1
	}
	b := r.blocks[at]
	b.users++
	for _, past := range r.blocks[:at] {
		a.free(past)
	}
	r.blocks = r.blocks[at:]
	// Half a window at once, so that requests are large.
	if missing := r.window + 1 - len(r.blocks); 2*missing >= r.window && r.end() < of.Size() {
		a.add(r, r.end(), missing)
	}
	return b
}

// add asks for n blocks of r from off, or fewer if there is no memory for all. If there is none for
// its first one it takes that of the reader that was there least recently.
func (a *ahead) add(r *row, off int64, n int) bool {
	if len(r.blocks) == 0 && a.left == 0 && a.rows[0] != r {
		a.drop(a.rows[0])
	}
	var blocks []*block
	for ; len(blocks) < n && a.left > 0 && off < r.of.Size(); off += blockBytes {
		a.left--
		buf, _ := a.pool.Get().(*[]byte)
		if buf == nil {
			buf = new(make([]byte, blockBytes))
		}
		blocks = append(blocks, &block{off: off, done: make(chan struct{}),
			buf: (*buf)[:min(blockBytes, r.of.Size()-off)]})
	}
	if len(blocks) == 0 {
		return false
	}
	r.blocks = append(r.blocks, blocks...)
	go a.fetch(r.of, blocks)
	return true
}

// fetch fills blocks with one request.
func (a *ahead) fetch(of source, blocks []*block) {
	parts := make([][]byte, len(blocks))
	for i, b := range blocks {
		parts[i] = b.buf
	}
	filled := 0
	err := of.fetch(of.life(), parts, blocks[0].off, func(part int) {
		a.arrived(blocks[part], nil)
		filled = part + 1
	})
	for _, b := range blocks[filled:] {
		a.arrived(b, err)
	}
}

func (a *ahead) arrived(b *block, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b.err, b.ready = err, true
	close(b.done)
	a.release(b)
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
	if b.gone && b.ready && b.users == 0 && b.buf != nil {
		full := b.buf[:blockBytes]
		a.pool.Put(&full)
		b.buf = nil
		a.left++
	}
}

// drop forgets a row.
func (a *ahead) drop(r *row) {
	for _, b := range r.blocks {
		a.free(b)
	}
	r.blocks = nil
	a.rows = slices.DeleteFunc(a.rows, func(o *row) bool { return o == r })
}

// evict drops the rows of readers that have stopped, where memory is short.
func (a *ahead) evict(after time.Duration) {
	for a.left == 0 && len(a.rows) > 0 && time.Since(a.rows[0].used) > after {
		a.drop(a.rows[0])
	}
}

// forget drops what was read of a file.
func (a *ahead) forget(of source) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range slices.Clone(a.rows) {
		if r.of == of {
			a.drop(r)
		}
	}
}
