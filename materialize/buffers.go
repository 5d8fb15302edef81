package materialize

import "context"

const (
	pageBytes = 4 << 10
	// Pieces in which data is read and written. 1 MiB is where larger writes
	// stop to gain; it also is what most devices take in one command at most.
	maxPieceBytes = 1 << 20
)

// buffers is a pool of buffers of one size. It is the memory bound of a run: who
// wants one waits until one is free. Go gives allocations of 32 KiB and more
// whole pages, so buffers are aligned as O_DIRECT wants; should that change,
// reads past the page cache fall back to reads through it.
type buffers struct {
	size  int
	free  chan []byte
	fresh chan struct{} // how many may still be made
}

// newBuffers shares memoryBytes out in pieces for n workers. Each worker gets
// two at least, one being read into while the other is written, of two blocks
// at least: a comparison uses the halves for both sides. Where memoryBytes is
// too little for that there are fewer workers; one there is always.
func newBuffers(memoryBytes int64, n int, block int64) (*buffers, int) {
	unit := block
	if unit < pageBytes {
		unit = roundUp(pageBytes, unit) // still a multiple of block
	}
	unit *= 2
	size := max(min(memoryBytes/int64(2*n), maxPieceBytes)/unit, 1) * unit
	count := max(memoryBytes/size, 2)
	b := &buffers{size: int(size), free: make(chan []byte, count), fresh: make(chan struct{}, count)}
	for range count {
		b.fresh <- struct{}{}
	}
	return b, int(min(int64(n), count/2))
}

// get waits for a buffer. It fails when ctx has ended, also if one is free.
func (b *buffers) get(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case p := <-b.free:
		return p, nil
	default:
	}
	select {
	case p := <-b.free:
		return p, nil
	case <-b.fresh:
		return make([]byte, b.size), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// put gives back a buffer, or any part of it that begins where it begins.
func (b *buffers) put(p []byte) { b.free <- p[:b.size] }
