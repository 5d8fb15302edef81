package overlay

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// A history is what the blocks of a volume may hold: what was last made safe,
// and everything since.
type history struct {
	size int64
	base *base
	now  content            // what a reader must see
	may  map[int64][][]byte // block: after a crash, one of these
}

func newHistory(b *base) *history {
	return &history{size: b.size, base: b, may: map[int64][][]byte{}}
}

func (h *history) block(i int64) []byte {
	p := make([]byte, min(blockBytes, h.size-i*blockBytes))
	if _, ok := h.now.blocks[i]; ok {
		h.now.read(p, i*blockBytes)
	} else if err := h.base.ReadAt(context.Background(), p, i*blockBytes); err != nil {
		panic(err)
	}
	return p
}

// write notes a write: that it began, and if it was acknowledged.
func (h *history) write(p []byte, off int64) (acknowledged func()) {
	var later []func()
	for len(p) > 0 {
		i, skip := off/blockBytes, off%blockBytes
		b := h.block(i)
		if h.may[i] == nil {
			h.may[i] = [][]byte{bytes.Clone(b)}
		}
		n := copy(b[skip:], p)
		h.may[i] = append(h.may[i], b)
		later = append(later, func() { h.now.write(b, i*blockBytes) })
		p, off = p[n:], off+int64(n)
	}
	return func() {
		for _, f := range later {
			f()
		}
	}
}

// synced notes that what there is now is safe.
func (h *history) synced() {
	for i := range h.may {
		h.may[i] = [][]byte{h.block(i)}
	}
}

// settle takes over what is there after a crash or an error, which must be one of
// the things that may be.
func (h *history) settle(o *Overlay) error {
	for i, may := range h.may {
		got := make([]byte, min(blockBytes, h.size-i*blockBytes))
		if err := o.ReadAt(context.Background(), got, i*blockBytes); err != nil {
			return fmt.Errorf("block %d: %w", i, err)
		}
		ok := false
		for _, b := range may {
			ok = ok || bytes.Equal(got, b)
		}
		if !ok {
			return fmt.Errorf("block %d is none of the %d things that it may be", i, len(may))
		}
		h.now.write(got, i*blockBytes)
		h.may[i] = [][]byte{got} // it was on the disk
	}
	return nil
}

// verify compares all blocks that were ever written, and some others.
func (h *history) verify(o *Overlay) error {
	for i := range h.may {
		for _, j := range []int64{i - 1, i, i + 1} {
			if j < 0 || j*blockBytes >= h.size {
				continue
			}
			want := h.block(j)
			got := make([]byte, len(want))
			if err := o.ReadAt(context.Background(), got, j*blockBytes); err != nil || !bytes.Equal(got, want) {
				return fmt.Errorf("block %d is not as written (%v)", j, err)
			}
			start, stop, err := o.NextData(context.Background(), j*blockBytes, j*blockBytes+int64(len(want)))
			if err != nil || start == stop && !allZero(want) {
				return fmt.Errorf("block %d is said to be zero and is not (%v)", j, err)
			}
		}
	}
	return nil
}

const simSize = 3*pageBlocks*blockBytes + 5*blockBytes + 777

// somewhere returns a range near one of the places where something changes.
func somewhere(random *rand.Rand) (off, n int64) {
	near := []int64{0, pageBlocks * blockBytes, 3 * pageBlocks * blockBytes, simSize - 12*blockBytes}
	off = near[random.IntN(len(near))] + int64(random.IntN(14*blockBytes)) - 6*blockBytes
	if random.IntN(2) == 0 {
		off = off / blockBytes * blockBytes
	}
	if n = int64(1 + random.IntN(5*blockBytes)); random.IntN(2) == 0 {
		n = roundUp(n)
	}
	off = max(0, min(off, simSize-1))
	return off, min(n, simSize-off)
}

var simOptions = Options{flushEvery: time.Hour, maxPages: 2, maxDirty: 2}

// attached opens the overlay of a simulated disk.
func attached(d *disk, b *base) (*Overlay, error) {
	key := Key{Backup: "b", Size: b.size}
	index, err := d.create(mapName(key.Backup))
	if err != nil {
		return nil, err
	}
	o := newOverlay(d, index, key, b, simOptions)
	return o, o.attach()
}

// use does a random thing, noted in h.
func (h *history) use(random *rand.Rand, o *Overlay) error {
	ctx := context.Background()
	off, n := somewhere(random)
	switch random.IntN(8) {
	case 0, 1, 2, 3:
		word := binary.LittleEndian.AppendUint64(nil, random.Uint64()|0x0101010101010101)
		p := bytes.Repeat(word, int(n/8+1))[:n]
		done := h.write(p, off)
		if err := o.WriteAt(ctx, p, off); err != nil {
			return err
		}
		done()
	case 4:
		done := h.write(make([]byte, n), off)
		if err := o.Zero(ctx, off, n); err != nil {
			return err
		}
		done()
	case 5:
		return o.Allocate(ctx, off, n)
	default:
		if err := o.Sync(ctx); err != nil {
			return err
		}
		h.synced()
	}
	return nil
}

// crashes runs random histories, each over several lives that end at a random
// operation of the files.
func crashes(t *testing.T, seed uint64, loses bool, tear int) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 3))
	d := newDisk(seed)
	d.loses, d.tear = loses, tear
	b := &base{size: simSize}
	h := newHistory(b)
	for life := range 6 {
		o, err := attached(d, b)
		if err != nil {
			t.Fatalf("seed %d, life %d: %v", seed, life, err)
		}
		if err := h.settle(o); err != nil {
			t.Fatalf("seed %d, life %d, after the crash: %v", seed, life, err)
		}
		d.cutAt = d.ops + 1 + random.IntN(60)
		for !d.dead {
			if err := h.use(random, o); err != nil && !errors.Is(err, errDead) {
				t.Fatalf("seed %d, life %d: %v", seed, life, err)
			}
			if !d.dead && random.IntN(4) == 0 {
				if err := h.verify(o); err != nil {
					t.Fatalf("seed %d, life %d: %v", seed, life, err)
				}
			}
		}
		d.restart()
	}
}

func TestACrashBetweenAnyTwoOperationsLosesNothingSynced(t *testing.T) {
	for seed := range uint64(15) {
		crashes(t, seed, false, blockBytes)     // the process is killed
		crashes(t, 1000+seed, true, blockBytes) // the power goes
	}
}

// What a disk tears in place cannot be had whole, but the map must stand it.
func TestTheMapStandsADiskThatTearsItsSectors(t *testing.T) {
	for seed := range uint64(25) {
		random := rand.New(rand.NewPCG(seed, 9))
		d := newDisk(seed)
		d.loses, d.tear = true, 512
		b := &base{size: simSize}
		h := newHistory(b)
		for life := range 6 {
			o, err := attached(d, b)
			if err != nil {
				t.Fatalf("seed %d, life %d: %v", seed, life, err)
			}
			// Each block once only, so that no block is replaced in place.
			if err := h.settle(o); err != nil {
				t.Fatalf("seed %d, life %d: %v", seed, life, err)
			}
			d.cutAt = d.ops + 1 + random.IntN(30)
			for !d.dead {
				i := random.Int64N(simSize / blockBytes)
				if h.may[i] != nil {
					continue
				}
				p := bytes.Repeat([]byte{byte(i) | 1}, blockBytes)
				done := h.write(p, i*blockBytes)
				if o.WriteAt(context.Background(), p, i*blockBytes) == nil {
					done()
				}
				if random.IntN(3) == 0 && o.Sync(context.Background()) == nil {
					h.synced()
				}
			}
			d.restart()
		}
	}
}
