package overlay

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
)

// A slot is written in sectors that each have a checksum and the stamp of the
// write. A disk writes a sector completely or not at all, so an interrupted
// write, whose bits were never reported as safe, leaves sound sectors of two
// stamps. A sector that is not sound is damage, and may belong to a slot that
// was reported as safe.
const (
	sectorBytes = 512
	sectorHead  = 16
	sectors     = slotBytes / sectorBytes
	sectorWords = (sectorBytes - sectorHead) / 8

	pageWords  = sectors * sectorWords
	pageBlocks = pageWords * 64 // blocks that a page tells about: 124 MiB
)

// stamp is common to all sectors of one write of a slot.
type stamp struct {
	generation uint64 // from 1, by one with each write that succeeded
	tag        uint32 // random: a write that is repeated has the same generation
}

func newStamp(generation uint64) stamp { return stamp{generation, rand.Uint32()} }

// slotOffset is the offset of a slot of a page in the map file.
func slotOffset(index int64, slot int) int64 {
	return headerBytes + index*pageBytes + int64(slot)*slotBytes
}

// slotFor returns in which of its two slots a page of a generation is.
func slotFor(generation uint64) int { return int((generation - 1) % 2) }

// place is where a sector belongs; its checksum has it.
type place struct {
	nonce [16]byte // of the map
	index int64    // of the page
	slot  int
}

// checksum is the CRC-32C of the place and of sector k, b without its first four
// bytes.
func (p place) checksum(k int, b []byte) uint32 {
	var where [28]byte
	copy(where[:], p.nonce[:])
	binary.LittleEndian.PutUint64(where[16:], uint64(p.index))
	binary.LittleEndian.PutUint32(where[24:], uint32(p.slot*sectors+k))
	return crc32.Update(crc32.Update(0, castagnoli, where[:]), castagnoli, b[4:sectorBytes])
}

// encodeSlot writes a slot into b, which has slotBytes.
func encodeSlot(b []byte, p place, s stamp, words *[pageWords]uint64) {
	for k := range sectors {
		sector := b[k*sectorBytes:][:sectorBytes]
		binary.LittleEndian.PutUint32(sector[4:], s.tag)
		binary.LittleEndian.PutUint64(sector[8:], s.generation)
		for i, w := range words[k*sectorWords:][:sectorWords] {
			binary.LittleEndian.PutUint64(sector[sectorHead+8*i:], w)
		}
		binary.LittleEndian.PutUint32(sector, p.checksum(k, sector))
	}
}

// slot is what was read in the place of a slot.
type slot struct {
	stamps [sectors]stamp // of the sound sectors, zero of those never written
	bad    [sectors]bool
	words  [pageWords]uint64
}

// decodeSlot reads a slot from b, which has slotBytes. The page has blocks
// blocks; bits of others cannot have been written.
func decodeSlot(b []byte, p place, blocks int64) *slot {
	s := &slot{}
	for k := range sectors {
		sector := b[k*sectorBytes:][:sectorBytes]
		if allZero(sector) {
			continue
		}
		s.stamps[k] = stamp{binary.LittleEndian.Uint64(sector[8:]),
			binary.LittleEndian.Uint32(sector[4:])}
		words := s.words[k*sectorWords:][:sectorWords]
		for i := range words {
			words[i] = binary.LittleEndian.Uint64(sector[sectorHead+8*i:])
		}
		first := k * sectorWords * 64
		outside := max(0, int(min(blocks, pageBlocks))-first)
		s.bad[k] = binary.LittleEndian.Uint32(sector) != p.checksum(k, sector) ||
			s.stamps[k].generation == 0 || slotFor(s.stamps[k].generation) != p.slot ||
			nextSet(&s.words, first+min(outside, sectorWords*64), first+sectorWords*64) < first+
				sectorWords*64
	}
	return s
}

// complete returns the generation that the slot holds completely, 0 if none.
func (s *slot) complete() uint64 {
	for k := range sectors {
		if s.bad[k] || s.stamps[k] != s.stamps[0] {
			return 0
		}
	}
	return s.stamps[0].generation
}

// mayHold says whether an incomplete slot may have held, before it was damaged,
// a generation later than last, which the other slot holds. If not, it holds an
// older one, or an interrupted write of the next. cutOff says that no
// successful write can have left the slot like this.
func (s *slot) mayHold(last uint64) (later, cutOff bool) {
	var next stamp // of the only write that can have been under way
	older, mixed := false, false
	for k := range sectors {
		switch st := s.stamps[k]; {
		case s.bad[k]:
			cutOff = true
		case st.generation == 0 && last > 1: // it must have been written before: it was wiped
			cutOff = true
		case st.generation == 0, st.generation < last:
			older = true
		case st.generation > last+1: // the generations in between are lost
			return true, true
		case next.generation == 0:
			next = st
		default:
			mixed = mixed || st != next
		}
	}
	return !older && !mixed, cutOff || mixed || next.generation > 0
}

// decodePage returns the newest state of a page that was reported as safe: its
// bits, or nil if none is set, and their generation. doubt says that a write of
// the page was interrupted, or that a slot that is not needed is damaged. The
// error is ErrDamaged: data that was reported as safe may be lost.
func decodePage(both []byte, nonce [16]byte, index, blocks int64) (words *[pageWords]uint64,
	generation uint64, doubt bool, err error) {
	var slots [2]*slot
	var whole [2]uint64
	for i := range slots {
		slots[i] = decodeSlot(both[i*slotBytes:][:slotBytes], place{nonce, index, i},
			blocks-index*pageBlocks)
		whole[i] = slots[i].complete()
	}
	generation = max(whole[0], whole[1])
	for i, s := range slots {
		if generation > 0 && whole[i] == generation {
			words = &s.words
			continue
		}
		later, cutOff := s.mayHold(generation)
		if later || whole[i] > 0 && whole[i] != generation-1 {
			return nil, 0, true, damaged("page %d of its map, for %d bytes from %d on: "+
				"put both files back from a copy, or discard the overlay",
				index, min(pageBlocks, blocks-index*pageBlocks)*blockBytes,
				index*pageBlocks*blockBytes)
		}
		doubt = doubt || cutOff
	}
	return words, generation, doubt, nil
}

func allZero(p []byte) bool {
	return len(p) == 0 || p[0] == 0 && bytes.Equal(p[1:], p[:len(p)-1])
}
