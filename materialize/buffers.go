package materialize

import "context"

const (
	pageBytes = 4 << 10
	// maxPieceBytes is the largest piece that is read or written at once.
	// Writes above 1 MiB are no faster, and most devices take no more in one
	// command.
	maxPieceBytes = 1 << 20
)

// buffers is a pool of buffers of one size. It bounds the memory of a run: a
// goroutine that needs a buffer waits until one is free. Go aligns allocations
// of 32 KiB and more to pages, as O_DIRECT requires; should that change, reads
// past the page cache fall back to reads through it.
type buffers struct {
	size  int
	free  chan []byte
	fresh chan struct{} // holds one for each buffer that may still be allocated
}

// newBuffers divides memoryBytes into buffers for n workers and returns for how
// many workers they suffice: for fewer if memoryBytes is too little, but at
// least for one. Each worker gets at least two buffers, one to be read into
// while the other is written. A buffer has at least two blocks, as a comparison
// uses one half for each side.
func newBuffers(memoryBytes int64, n int, block int64) (*buffers, int) {
	unit := block
	if unit < pageBytes {
		unit = roundUp(pageBytes, unit) // still a multiple of block
	}
	unit *= 2
	size := max(min(memoryBytes/int64(2*n), maxPieceBytes)/unit, 1) * unit
	count := max(memoryBytes/size, 2)
	b := &buffers{size: int(size), free: make(chan []byte, count),
		fresh: make(chan struct{}, count)}
	for range count {
		b.fresh <- struct{}{}
	}
	return b, int(min(int64(n), count/2))
}

// leastBuffers is what newBuffers takes for blocks of that size, however little
// memory there is.
func leastBuffers(block int64) int64 { return 2 * 2 * block }

// get waits for a buffer. It fails if ctx has ended, even if a buffer is free.
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

// put gives back a buffer. p may be any slice that begins where the buffer
// begins.
func (b *buffers) put(p []byte) { b.free <- p[:b.size] }
