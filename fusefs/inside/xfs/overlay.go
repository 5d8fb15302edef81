package xfs

import (
	"cmp"
	"fmt"
	"slices"
)

// overlay is the sectors of the disk that the log replaces, as they are after
// the replay. It does not change once that is done.
type overlay struct {
	limit  int // sectors
	slots  map[int64]int32
	pages  [][]byte // of pageSectors each
	sorted []int64  // the sectors, once it is finished
}

const (
	pageSectors = 128

	// overlaySector is about what a sector takes in memory.
	overlaySector = sectorBytes + 48
)

func newOverlay(bytes int64) *overlay {
	return &overlay{limit: int(bytes / overlaySector), slots: map[int64]int32{}}
}

// get returns a sector that is replaced, or nil.
func (o *overlay) get(sector int64) []byte {
	slot, ok := o.slots[sector]
	if !ok {
		return nil
	}
	return o.pages[slot/pageSectors][slot%pageSectors*sectorBytes:][:sectorBytes]
}

// add makes room for a sector that is not replaced yet.
func (o *overlay) add(sector int64) ([]byte, error) {
	n := len(o.slots)
	if n >= o.limit {
		return nil, fmt.Errorf("it replaces more than the %d sectors that there is memory for", o.limit)
	}
	if n%pageSectors == 0 {
		o.pages = append(o.pages, make([]byte, pageSectors*sectorBytes))
	}
	o.slots[sector] = int32(n)
	return o.get(sector), nil
}

// finish is called when nothing is added any more.
func (o *overlay) finish() {
	for s := range o.slots {
		o.sorted = append(o.sorted, s)
	}
	slices.Sort(o.sorted)
}

// apply replaces what is in p, which was read at an offset.
func (o *overlay) apply(p []byte, off int64) {
	end := off + int64(len(p))
	i, _ := slices.BinarySearchFunc(o.sorted, off>>sectorShift, cmp.Compare[int64])
	for ; i < len(o.sorted) && o.sorted[i]<<sectorShift < end; i++ {
		at := o.sorted[i] << sectorShift
		b := o.get(o.sorted[i])
		if at < off {
			b, at = b[off-at:], off
		}
		copy(p[at-off:], b)
	}
}

// touches says whether something between two offsets is replaced.
func (o *overlay) touches(off, n int64) bool {
	i, _ := slices.BinarySearchFunc(o.sorted, off>>sectorShift, cmp.Compare[int64])
	return i < len(o.sorted) && o.sorted[i]<<sectorShift < off+n
}
