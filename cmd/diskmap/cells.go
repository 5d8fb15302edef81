package diskmap

import (
	"context"
	"fmt"
	"iter"

	"github.com/restorefs/restorefs/backupstore"
)

// Volume is what is drawn, a [backupstore.Volume].
type Volume interface {
	Backup() *backupstore.Backup
	Size() int64
	Align() int
	Origins(ctx context.Context, off, end int64) iter.Seq2[backupstore.Origin, error]
}

const (
	// exactBlocks are looked at one by one; of a disk with more, probes in all are.
	exactBlocks = 4 << 20
	probes      = 64 << 10
	// maxCells bounds a picture.
	maxCells = 64 << 10
)

// Cell is an equal part of the disk, but for the last one, which may be shorter.
type Cell struct {
	Data  int64 // bytes that are not known to be zero; of a disk that is not looked at whole, about
	Layer int   // index into Map.Layers of the backup that most of them come from; -1: none
	Mark  Mark
}

// Mark says what is wrong with a cell.
type Mark int

// The marks of a cell, the worse the greater.
const (
	Sound  Mark = iota // nothing is known to be wrong
	Healed             // some of it is damaged, and another backup has all of that
	Lost               // some of it is damaged, and no other backup has it
)

// String returns the word that JSON has for a mark.
func (m Mark) String() string { return [...]string{"", "healed", "lost"}[m] }

// Layer is a backup of the chain.
type Layer struct {
	Backup *backupstore.Backup
	Bytes  int64 // of the disk that come from it and are not zero
}

// Map is a disk as cells. It is made by [Look].
type Map struct {
	Backup    *backupstore.Backup
	Size      int64 // bytes
	CellBytes int64 // of each cell, a multiple of the digest block
	Exact     bool  // every block was looked at
	Cells     []Cell
	Layers    []Layer // the newest first
	Zero      int64   // bytes that are known to be zero
}

// Look makes the map of a volume, of that many cells at most.
func Look(ctx context.Context, v Volume, cells int) (*Map, error) {
	block := int64(max(v.Align(), 1))
	each := cellBytes(v.Size(), block, max(1, min(cells, maxCells)))
	m := &Map{Backup: v.Backup(), Size: v.Size(), CellBytes: each,
		Exact: v.Size()/block <= exactBlocks, Cells: make([]Cell, (v.Size()+each-1)/each)}
	at := map[*backupstore.Backup]int{}
	for i, b := range v.Backup().Chain() {
		at[b] = i
		m.Layers = append(m.Layers, Layer{Backup: b})
	}
	c := counter{m: m, at: at, bytes: map[int]int64{}}
	for i := range m.Cells {
		if err := c.cell(ctx, v, i, block); err != nil {
			return nil, fmt.Errorf("look where the disk of backup %s comes from: %w",
				v.Backup().ID, err)
		}
	}
	return m, nil
}

// cellBytes returns how large that many cells of a disk have to be: a size that people can add up,
// a power of two or one, two or three quarters more, of whole blocks.
func cellBytes(size, block int64, cells int) int64 {
	least := max(block, (size+int64(cells)-1)/int64(cells))
	each := int64(1)
	for each < least/2+1 {
		each *= 2
	}
	for _, n := range []int64{4, 5, 6, 7, 8} {
		if e := each / 4 * n; e >= least && e%block == 0 {
			return e
		}
	}
	return (least + block - 1) / block * block // a block that is no power of two
}

// counter counts what a cell is made of.
type counter struct {
	m     *Map
	at    map[*backupstore.Backup]int // index into Layers
	bytes map[int]int64               // of the cell, by layer
}

// cell looks at a cell: at all of it, or at blocks in equal distances.
func (c *counter) cell(ctx context.Context, v Volume, i int, block int64) error {
	clear(c.bytes)
	off := int64(i) * c.m.CellBytes
	end := min(off+c.m.CellBytes, c.m.Size)
	looked := end - off
	if c.m.Exact {
		if err := c.count(ctx, v, off, end); err != nil {
			return err
		}
	} else {
		n := max(1, int64(probes/len(c.m.Cells)))
		step := max(block, (end-off)/n/block*block)
		looked = 0
		for at := off; at < end; at += step {
			stop := min(at+block, end)
			if err := c.count(ctx, v, at, stop); err != nil {
				return err
			}
			looked += stop - at
		}
	}
	c.settle(&c.m.Cells[i], looked, end-off)
	return nil
}

func (c *counter) count(ctx context.Context, v Volume, off, end int64) error {
	for o, err := range v.Origins(ctx, off, end) {
		if err != nil {
			return err
		}
		if !o.Zero {
			c.bytes[c.at[o.Layer]] += o.Len
		}
	}
	return nil
}

// settle makes a cell of what was counted in so many of its bytes.
func (c *counter) settle(cell *Cell, looked, length int64) {
	cell.Layer = -1
	var most int64
	for layer, n := range c.bytes {
		if n > most || n == most && layer < cell.Layer {
			cell.Layer, most = layer, n
		}
		all := int64(float64(n) / float64(looked) * float64(length))
		c.m.Layers[layer].Bytes += all
		cell.Data += all
	}
	c.m.Zero += length - cell.Data
}

// Damage marks a range of the disk.
func (m *Map) Damage(off, length int64, mark Mark) {
	if off < 0 || length <= 0 || off >= m.Size {
		return
	}
	last := (min(length, m.Size-off) + off - 1) / m.CellBytes
	for i := off / m.CellBytes; i <= last; i++ {
		m.Cells[i].Mark = max(m.Cells[i].Mark, mark)
	}
}
