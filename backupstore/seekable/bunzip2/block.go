package bunzip2

import (
	"context"
	"sort"
	"sync"
)

const (
	// minZeros is the shortest run of zeros reported to the observer.
	minZeros = 64 << 10
	// checkBytes is how much of a block is expanded at a time for its check: it
	// stays in the second-level cache.
	checkBytes = 32 << 10
)

// Buffers keeps the memory that decoders use while they decode (5 MB each) and
// while they are parked (1 MB each), for the next decoder. The zero value is
// ready. It is safe for concurrent use by any number of decoders.
type Buffers struct {
	scratches sync.Pool // *scratch
	blocks    sync.Pool // *block
	inputs    sync.Pool // *bitReader
	pieces    sync.Pool // *[]byte
}

func (b *Buffers) scratch() *scratch {
	if s, ok := b.scratches.Get().(*scratch); ok {
		return s
	}
	return new(scratch)
}

func (b *Buffers) block() *block {
	if k, ok := b.blocks.Get().(*block); ok {
		return k
	}
	return new(block)
}

func (b *Buffers) input() *bitReader {
	if r, ok := b.inputs.Get().(*bitReader); ok {
		*r = bitReader{buf: r.buf}
		return r
	}
	return new(bitReader)
}

// stored returns an empty slice to append stored bytes to.
func (b *Buffers) stored() []byte {
	if p, ok := b.pieces.Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return make([]byte, 0, readBytes*2)
}

func (b *Buffers) putStored(p []byte) { b.pieces.Put(&p) }

// scratch is what decoding one block needs until it is done.
type scratch struct {
	header   header
	trees    [maxTrees]tree
	count    [256]uint32
	bytes    [lanes * laneBytes]byte // the last column; then the lanes of walk
	next     [rowCount]uint32
	segments [maxSegments]segment
	codes    codes
}

// scratchBytes is about the size of a scratch.
const scratchBytes = 4*rowCount + lanes*laneBytes + 128<<10

// block is a decoded and checked block.
type block struct {
	rle   []byte // its bytes in RLE1 form
	out   int64  // how many bytes it stands for
	crc   uint32
	end   int64 // the bit after it
	zeros []zeroRun
	marks []mark
}

type zeroRun struct{ off, n int64 } // off counts from the start of the block

// mark is a place in a block from which its expansion can go on.
type mark struct {
	out int64
	at  expander
}

// decode decodes the block whose magic r has just handed out, of at most limit
// bytes in RLE1 form, and checks its CRC.
func (k *block) decode(ctx context.Context, r *bitReader, s *scratch, limit int) error {
	n := 0
	err := s.readHeader(ctx, r)
	if err == nil {
		n, err = s.readColumn(ctx, r, limit)
	}
	if e := r.complete(ctx); e != nil {
		return e // and whatever else seemed wrong is its consequence
	}
	if err != nil {
		return err
	}
	if s.header.origin >= n {
		return fault("start row outside the block")
	}
	k.end = r.bit()
	s.link(n)
	if err := ctx.Err(); err != nil {
		return err
	}
	if cap(k.rle) < n {
		k.rle = make([]byte, n, max(n, maxBlock))
	}
	k.rle = k.rle[:n]
	s.walk(k.rle, s.header.origin)
	if err := ctx.Err(); err != nil {
		return err
	}
	k.crc = s.header.crc
	return k.check(ctx, s.bytes[:checkBytes])
}

// check goes through the block: its length, its zero runs, its CRC. buf is for
// its use.
func (k *block) check(ctx context.Context, buf []byte) error {
	k.out, k.zeros, k.marks = 0, k.zeros[:0], k.marks[:0]
	var x expander
	sum := uint32(0)
	for !x.done(k.rle) {
		// A block of runs may stand for 46 MB.
		if len(k.marks)%64 == 63 && ctx.Err() != nil {
			return ctx.Err()
		}
		k.marks = append(k.marks, mark{k.out, x})
		n := x.expand(buf, k.rle, true)
		sum = addBytes(sum, buf[:n])
		k.out += int64(n)
		if x.cut {
			return fault("run without its length at the end of a block")
		}
		if n == len(buf) || x.done(k.rle) {
			continue
		}
		zeros := x.zeros(k.rle)
		sum = addZeros(sum, zeros)
		if zeros >= minZeros {
			k.zeros = append(k.zeros, zeroRun{k.out, zeros})
		}
		k.out += zeros
	}
	if mirror(sum) != k.crc {
		return fault("block checksum mismatch")
	}
	return nil
}

// seek returns an expander that stands at most checkBytes, or one run of zeros,
// before the offset off of the block, and its own offset.
func (k *block) seek(off int64) (expander, int64) {
	i := sort.Search(len(k.marks), func(i int) bool { return k.marks[i].out > off })
	m := k.marks[i-1]
	return m.at, m.out
}

func (k *block) memory() int64 {
	return int64(cap(k.rle)) + 16*int64(cap(k.zeros)) + 40*int64(cap(k.marks))
}
