package bunzip2

import (
	"context"
	"sync"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

const (
	// scanBytes is the size of one read of the scan.
	scanBytes = 1 << 20
	// maxStored is more than any block takes stored: 900,000 codes of 20 bits
	// and the header. Without a candidate for this long the scan gives up.
	maxStored = 4 << 20
)

// ahead decodes blocks before they are needed. One goroutine reads the stored
// object and cuts it where blocks seem to start, workers decode the pieces, and
// take hands out in order those that prove right: the piece that starts where
// the block before has ended. It is an accelerator and decides nothing.
// Whatever it does not deliver, because the cut was wrong, the data damaged or
// the source failed, the decoder decodes itself and judges itself.
//
// At most cap(queue)+1 pieces exist at a time. All goroutines end with close.
type ahead struct {
	bufs    *Buffers
	workers int
	cancel  context.CancelFunc
	running sync.WaitGroup
	queue   chan *piece // in the order of the stored object; closed at its end
	work    chan *piece
	head    *piece // taken from queue, not used up
}

// piece is a part of the stored object from one candidate to the next.
type piece struct {
	start int64 // bit
	in    bitReader
	done  chan struct{} // closed when the fields below are set
	block *block
	err   error
}

// newAhead starts decoding at the given bit of src.
func newAhead(src stream.Source, bit int64, workers int, bufs *Buffers) *ahead {
	ctx, cancel := context.WithCancel(context.Background())
	a := &ahead{
		bufs:    bufs,
		workers: workers,
		cancel:  cancel,
		queue:   make(chan *piece, 2*workers),
		work:    make(chan *piece),
	}
	a.running.Go(func() { a.scan(ctx, src, bit) })
	for range workers {
		a.running.Go(func() { a.decode(ctx) })
	}
	return a
}

// scan cuts src into pieces.
func (a *ahead) scan(ctx context.Context, src stream.Source, bit int64) {
	defer close(a.queue)
	defer close(a.work)
	f := newFinder()
	var buf []byte
	base := bit / 8 // of buf
	start := int(bit % 8)
	from := start + 1
	for {
		next := f.find(buf, from)
		if next >= 0 {
			if !a.add(ctx, base, buf[:min(len(buf), next/8+8)], start) {
				return
			}
			start, from = next, next+1
			continue
		}
		from = max(from, searched(buf))
		// Drop what has been handed on and read more.
		drop := start / 8
		if len(buf)-drop > maxStored {
			return
		}
		buf = append(buf[:0], buf[drop:]...)
		base += int64(drop)
		start -= drop * 8
		from -= drop * 8
		at := base + int64(len(buf))
		want := int(min(scanBytes, src.Size()-at))
		if want <= 0 {
			a.add(ctx, base, buf, start)
			return
		}
		old := len(buf)
		buf = append(buf, make([]byte, want)...)
		if n, _ := src.ReadAt(ctx, buf[old:], at); n < want {
			return
		}
	}
}

// add queues the piece of data that begins at the bit start of it. It reports
// false when there is no use to go on.
func (a *ahead) add(ctx context.Context, base int64, data []byte, start int) bool {
	p := &piece{start: base*8 + int64(start), done: make(chan struct{})}
	data = data[start/8:]
	p.in = bitReader{
		buf:  append(append(a.bufs.stored(), data...), make([]byte, 2*margin)...),
		base: base + int64(start/8),
		end:  len(data),
		eof:  true,
	}
	select {
	case a.queue <- p:
	case <-ctx.Done():
		return false
	}
	select {
	case a.work <- p:
		return true
	case <-ctx.Done():
		return false
	}
}

// decode is a worker.
func (a *ahead) decode(ctx context.Context) {
	s := a.bufs.scratch()
	defer a.bufs.scratches.Put(s)
	for p := range a.work {
		k := a.bufs.block()
		p.err = p.decode(ctx, k, s)
		if p.err == nil {
			p.block = k
		} else {
			a.bufs.blocks.Put(k)
		}
		a.bufs.putStored(p.in.buf)
		p.in.buf = nil
		close(p.done)
	}
}

func (p *piece) decode(ctx context.Context, k *block, s *scratch) error {
	if err := p.in.seek(ctx, p.start); err != nil {
		return err
	}
	if p.in.take(ctx, magicBits) != blockMagic {
		return fault("no block")
	}
	return k.decode(ctx, &p.in, s, maxBlock)
}

// take returns the block that starts at the given bit, or nil if it cannot.
// more tells whether it may be able to deliver a later one.
func (a *ahead) take(ctx context.Context, bit int64) (k *block, more bool, err error) {
	for {
		if a.head == nil {
			select {
			case p, ok := <-a.queue:
				if !ok {
					return nil, false, nil
				}
				a.head = p
			case <-ctx.Done():
				return nil, true, ctx.Err()
			}
		}
		if a.head.start > bit {
			return nil, true, nil
		}
		select {
		case <-a.head.done:
		case <-ctx.Done():
			return nil, true, ctx.Err()
		}
		p := a.head
		a.head = nil
		if p.start == bit {
			return p.block, true, nil
		}
		// Not the start of a block after all.
		if p.block != nil {
			a.bufs.blocks.Put(p.block)
		}
	}
}

// close stops everything and waits until it has stopped.
func (a *ahead) close() {
	a.cancel()
	a.running.Wait()
	for p := range a.queue {
		if p.block != nil {
			a.bufs.blocks.Put(p.block)
		}
	}
	if a.head != nil && a.head.block != nil {
		a.bufs.blocks.Put(a.head.block)
	}
}

// memory is about what all pieces and workers hold when the queue is full.
func (a *ahead) memory() int64 {
	return int64(cap(a.queue)+1)*(maxBlock+readBytes) + int64(a.workers)*scratchBytes + 2*scanBytes
}

// fromAhead returns the next block if the workers have it. It starts them when
// the call under way has used up a block and needs another one.
func (d *Decoder) fromAhead(ctx context.Context, several bool) (*block, error) {
	if d.ahead == nil {
		if !several {
			return nil, nil
		}
		d.ahead = newAhead(d.src, d.next, d.opt.Workers, d.opt.Buffers)
	}
	k, more, err := d.ahead.take(ctx, d.next)
	if !more {
		d.ahead.close()
		d.ahead = nil
	}
	if k != nil && len(k.rle) > d.level*levelBytes {
		d.opt.Buffers.blocks.Put(k)
		return nil, fault("more bytes than the block may hold")
	}
	return k, err
}
