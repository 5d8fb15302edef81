package bunzip2

import (
	"math/rand/v2"
	"testing"
)

func TestFinderFindsMagicsAtEveryBit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	f := newFinder()
	magic := uint64(blockMagic)
	for _, size := range []int{6, 7, 8, 13, 14, 15, 16, 17, 40, 41} {
		for at := range (size-6)*8 + 1 {
			for from := range at + 3 {
				b := make([]byte, size)
				for i := range b {
					b[i] = byte(r.Uint32())
				}
				for i := range 48 {
					bit := at + i
					b[bit/8] &^= 0x80 >> (bit % 8)
					b[bit/8] |= byte(magic>>(47-i)&1<<7) >> (bit % 8)
				}
				want := at
				if from > at || at >= searched(b) {
					want = -1
				}
				if got := f.find(b, from); got != want {
					t.Fatalf("%d bytes, magic at bit %d, from %d: got %d", size, at, from, got)
				}
			}
		}
	}
}

func BenchmarkFinder(b *testing.B) {
	buf := make([]byte, 1<<20)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range buf {
		buf[i] = byte(r.Uint32())
	}
	f := newFinder()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		f.find(buf, 0)
	}
}
