package reading

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// counted counts reads, and cannot read some bytes.
type counted struct {
	data  []byte
	bad   int64 // an offset that cannot be read; 0: none
	reads int
}

var errBad = errors.New("a bad place")

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	if c.bad != 0 && off <= c.bad && c.bad < off+int64(len(p)) {
		return 0, errBad
	}
	return bytes.NewReader(c.data).ReadAt(p, off)
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

func TestBlocksAreThoseOfTheDisk(t *testing.T) {
	disk := noise(50*BlockBytes + 1234)
	for _, cache := range []int64{1, 4 * BlockBytes, 16 * BlockBytes, 1 << 20} {
		d := NewBlocks(&counted{data: disk}, int64(len(disk)), cache)
		rng := rand.New(rand.NewPCG(1, uint64(cache)))
		off := 0
		for range 2000 {
			if rng.IntN(3) == 0 {
				off = rng.IntN(len(disk))
			}
			p := make([]byte, min(rng.IntN(9000), len(disk)-off))
			if err := d.Meta(p, int64(off)); err != nil || !bytes.Equal(p, disk[off:][:len(p)]) {
				t.Fatalf("%d bytes at offset %d with a cache of %d: %v", len(p), off, cache, err)
			}
			off += len(p)
		}
	}
}

func TestWhatIsReadInOrderIsReadInGroups(t *testing.T) {
	c := &counted{data: noise(64 * BlockBytes)}
	d := NewBlocks(c, int64(len(c.data)), 1<<20)
	var record [1024]byte
	for off := int64(0); off < int64(len(c.data)); off += int64(len(record)) {
		if err := d.Meta(record[:], off); err != nil {
			t.Fatal(err)
		}
	}
	if want := 64/groupBlocks + 1; c.reads != want { // nothing is known to be in order at first
		t.Errorf("%d reads, not %d", c.reads, want)
	}
	c.reads = 0
	d = NewBlocks(c, int64(len(c.data)), 1<<20)
	for n := int64(0); n < 64; n += 2 { // not in order
		if _, err := d.Block(n); err != nil {
			t.Fatal(err)
		}
	}
	if c.reads != 32 {
		t.Errorf("%d reads for 32 blocks that are not in order", c.reads)
	}
}

func TestABadPlaceCostsItsBlockAlone(t *testing.T) {
	c := &counted{data: noise(16 * BlockBytes), bad: 6*BlockBytes + 5}
	d := NewBlocks(c, int64(len(c.data)), 1<<20)
	for n := range int64(16) {
		data, err := d.Block(n)
		if n == 6 {
			if !errors.Is(err, errBad) {
				t.Errorf("block 6: %v", err)
			}
		} else if err != nil || !bytes.Equal(data, c.data[n*BlockBytes:][:BlockBytes]) {
			t.Errorf("block %d: %v", n, err)
		}
	}
}

func TestNothingIsReadBeyondTheEnd(t *testing.T) {
	disk := noise(9*BlockBytes + 100)
	d := NewBlocks(bytes.NewReader(disk), 9*BlockBytes+50, 1<<20)
	for n := range int64(10) {
		data, err := d.Block(n)
		want := disk[n*BlockBytes : min((n+1)*BlockBytes, 9*BlockBytes+50)]
		if err != nil || !bytes.Equal(data, want) {
			t.Errorf("block %d has %d bytes, not %d: %v", n, len(data), len(want), err)
		}
	}
	for _, n := range []int64{-1, 10} {
		if _, err := d.Block(n); !errors.Is(err, ErrOutside) {
			t.Errorf("block %d: %v", n, err)
		}
	}
	short := NewBlocks(bytes.NewReader(disk[:100]), 200, 1<<20) // the disk ends before it should
	if _, err := short.Block(0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a disk that is cut short: %v", err)
	}
}
