package xfs

import (
	"fmt"
	"slices"
)

// overlay is the sectors of the disk that the log replaces, as they are after
// the replay. It does not change once that is done. Most of them are inodes,
// which are zeros to a good part: pieces that are zeros are left out.
type overlay struct {
	left   int64 // bytes that may still be taken
	slots  map[int64]slot
	pages  [][]byte // of pageBytes each
	used   int      // of the last page
	sorted []int64  // the sectors, once it is finished
}

// A slot says where a sector is: which page, where in it, and how much room it has.
type slot struct {
	page uint32
	off  uint16
	room uint16
}

const (
	pageBytes   = 1 << 16
	pieceOfSlot = 16 // bytes
	slotHeader  = 4  // a bit for each piece that is there

	// slotBytes is about what a slot takes besides, in the map and in order.
	slotBytes = 56
)

func newOverlay(bytes int64) *overlay { return &overlay{left: bytes, slots: map[int64]slot{}} }

func (o *overlay) has(sector int64) bool {
	_, ok := o.slots[sector]
	return ok
}

func (o *overlay) bytes(s slot) []byte { return o.pages[s.page][s.off:][:s.room] }

// get returns a sector that is replaced.
func (o *overlay) get(sector int64) (b [sectorBytes]byte, ok bool) {
	s, ok := o.slots[sector]
	if !ok {
		return b, false
	}
	packed := o.bytes(s)
	there := le.Uint32(packed)
	packed = packed[slotHeader:]
	for i := range sectorBytes / pieceOfSlot {
		if there&(1<<i) != 0 {
			copy(b[i*pieceOfSlot:], packed[:pieceOfSlot])
			packed = packed[pieceOfSlot:]
		}
	}
	return b, true
}

// put replaces a sector.
func (o *overlay) put(sector int64, b *[sectorBytes]byte) error {
	var packed [slotHeader + sectorBytes]byte
	n, there := slotHeader, uint32(0)
	for i := range sectorBytes / pieceOfSlot {
		piece := b[i*pieceOfSlot:][:pieceOfSlot]
		if [pieceOfSlot]byte(piece) != [pieceOfSlot]byte{} {
			there |= 1 << i
			n += copy(packed[n:], piece)
		}
	}
	le.PutUint32(packed[:], there)
	s, ok := o.slots[sector]
	if !ok || n > int(s.room) {
		var err error
		if s, err = o.room(n, ok); err != nil {
			return err
		}
		o.slots[sector] = s
	}
	copy(o.bytes(s), packed[:n])
	return nil
}

// room returns a slot of n bytes. Had the sector one that was too small, that is
// left empty.
func (o *overlay) room(n int, had bool) (slot, error) {
	if o.left -= int64(n); !had {
		o.left -= slotBytes
	}
	if o.left < 0 {
		return slot{}, fmt.Errorf("it replaces more sectors than there is memory for (%d so far)",
			len(o.slots))
	}
	if len(o.pages) == 0 || o.used+n > pageBytes {
		o.pages, o.used = append(o.pages, make([]byte, pageBytes)), 0
	}
	s := slot{page: uint32(len(o.pages) - 1), off: uint16(o.used), room: uint16(n)}
	o.used += n
	return s, nil
}

// finish is called when nothing is added any more.
func (o *overlay) finish() {
	o.sorted = make([]int64, 0, len(o.slots))
	for s := range o.slots {
		o.sorted = append(o.sorted, s)
	}
	slices.Sort(o.sorted)
}

// apply replaces what is in p, which was read at an offset.
func (o *overlay) apply(p []byte, off int64) {
	end := off + int64(len(p))
	i, _ := slices.BinarySearch(o.sorted, off>>sectorShift)
	for ; i < len(o.sorted) && o.sorted[i]<<sectorShift < end; i++ {
		b, _ := o.get(o.sorted[i])
		lay(p, off, b[:], o.sorted[i]<<sectorShift)
	}
}

// lay copies what lies at one offset over what lies at another, as far as both do.
func lay(p []byte, off int64, b []byte, at int64) {
	if at < off {
		copy(p, b[off-at:])
	} else {
		copy(p[at-off:], b)
	}
}

// touches says whether something of n bytes at an offset is replaced.
func (o *overlay) touches(off, n int64) bool {
	i, _ := slices.BinarySearch(o.sorted, off>>sectorShift)
	return i < len(o.sorted) && o.sorted[i]<<sectorShift < off+n
}
