package materialize

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const testBlock = 32 << 10

// fakeVolume is a volume in memory with digests.
type fakeVolume struct {
	data    []byte
	run     int64 // length of a run
	digests [][32]byte
	read    atomic.Int64  // bytes that ReadAt returned
	delay   time.Duration // of each ReadAt
	fail    func(off, n int64) error
}

// newFakeVolume returns a volume of size bytes in which about half the stretches are zero.
func newFakeVolume(size int64, seed uint64) *fakeVolume {
	rnd := rand.New(rand.NewPCG(seed, 7))
	v := &fakeVolume{data: make([]byte, size), run: 3<<20 + 5*testBlock}
	for off := int64(0); off < size; {
		n := min(size-off, int64(1+rnd.IntN(600<<10)))
		if rnd.IntN(2) == 0 {
			fill(v.data[off:off+n], rnd)
		}
		off += n
	}
	v.digest()
	return v
}

// fill fills p with bytes that are not zero.
func fill(p []byte, rnd *rand.Rand) {
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, rnd.Uint64()|0x0101010101010101)
		p = p[8:]
	}
	for i := range p {
		p[i] = byte(rnd.Uint32()) | 1
	}
}

func (v *fakeVolume) digest() {
	v.digests = nil
	for off := 0; off < len(v.data); off += testBlock {
		v.digests = append(v.digests, sha256.Sum256(v.data[off:min(off+testBlock, len(v.data))]))
	}
}

func (v *fakeVolume) Size() int64 { return int64(len(v.data)) }
func (v *fakeVolume) Align() int  { return testBlock }

func (v *fakeVolume) Runs(ctx context.Context) iter.Seq2[Range, error] {
	return func(yield func(Range, error) bool) {
		for off := int64(0); off < v.Size(); off += v.run {
			if !yield(Range{Off: off, Len: min(v.run, v.Size()-off)}, nil) {
				return
			}
		}
	}
}

func (v *fakeVolume) ReadAt(ctx context.Context, p []byte, off int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if v.fail != nil {
		if err := v.fail(off, int64(len(p))); err != nil {
			return err
		}
	}
	if v.delay > 0 {
		time.Sleep(v.delay)
	}
	if n := copy(p, v.data[off:]); n < len(p) {
		return fmt.Errorf("read past the end: %d bytes at %d", len(p), off)
	}
	v.read.Add(int64(len(p)))
	return nil
}

func (v *fakeVolume) block(off int64) []byte {
	off -= off % testBlock
	return v.data[off:min(off+testBlock, v.Size())]
}

func (v *fakeVolume) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	if v.digests == nil {
		return off, end, nil
	}
	for start = off; start < end && allZero(v.block(start)); {
		start = start - start%testBlock + testBlock
	}
	if start >= end {
		return end, end, nil
	}
	for stop = start; stop < end && !allZero(v.block(stop)); {
		stop = stop - stop%testBlock + testBlock
	}
	return start, min(stop, end), nil
}

func (v *fakeVolume) Differs(ctx context.Context, p []byte, off int64) ([]Range, error) {
	if v.digests == nil {
		return nil, fmt.Errorf("block at %d: %w", off, ErrNoDigests)
	}
	if off%testBlock != 0 || len(p)%testBlock != 0 && off+int64(len(p)) != v.Size() {
		return nil, fmt.Errorf("unaligned: %d bytes at %d", len(p), off)
	}
	var out []Range
	for i := 0; i < len(p); i += testBlock {
		b := p[i:min(i+testBlock, len(p))]
		if sha256.Sum256(b) != v.digests[(off+int64(i))/testBlock] {
			out = append(out, Range{Off: off + int64(i), Len: int64(len(b))})
		}
	}
	return out, nil
}

func (v *fakeVolume) equal(p []byte) error {
	if bytes.Equal(v.data, p) {
		return nil
	}
	if len(v.data) != len(p) {
		return fmt.Errorf("%d bytes, want %d", len(p), len(v.data))
	}
	for i := range p {
		if p[i] != v.data[i] {
			return fmt.Errorf("byte %d is %#x, want %#x", i, p[i], v.data[i])
		}
	}
	return nil
}
