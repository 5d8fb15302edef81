package pagefile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
)

// A slot is written in sectors that each have a checksum and the stamp of the
// write. A disk writes a sector completely or not at all, so an interrupted
// write, whose bits were never reported as safe, leaves sound sectors of two
// stamps. A sector that is not sound is damage, and may belong to a slot that
// was reported as safe.
const (
	SectorBytes = 512 // what a disk writes whole or not at all
	sectorHead  = 16
	sectors     = SlotBytes / SectorBytes
	sectorWords = (SectorBytes - sectorHead) / 8

	SlotBytes = 4096          // of one slot
	PageBytes = 2 * SlotBytes // of the two slots of a page, side by side
	PageWords = sectors * sectorWords
	PageBits  = PageWords * 64 // what a page tells
)

// Words are the bits of a page, the lowest of each word first.
type Words = [PageWords]uint64

// ErrDamaged is the error of Decode: what was reported as safe may be lost.
var ErrDamaged = errors.New("a page of bits is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stamp is common to all sectors of one write of a slot.
type stamp struct {
	generation uint64 // from 1, by one with each write that succeeded
	tag        uint32 // random: a write that is repeated has the same generation
}

// SlotFor returns in which of its two slots a page of a generation is.
func SlotFor(generation uint64) int { return int((generation - 1) % 2) }

// Place is where a sector belongs; its checksum has it, so that a sector of another file or page
// does not count.
type Place struct {
	Nonce [16]byte // of the file
	Index int64    // of the page
	Slot  int      // 0 or 1
}

// Checksum is the CRC-32C of the place and of sector k, b without its first four
// bytes.
func (p Place) Checksum(k int, b []byte) uint32 {
	var where [28]byte
	copy(where[:], p.Nonce[:])
	binary.LittleEndian.PutUint64(where[16:], uint64(p.Index))
	binary.LittleEndian.PutUint32(where[24:], uint32(p.Slot*sectors+k))
	return crc32.Update(crc32.Update(0, castagnoli, where[:]), castagnoli, b[4:SectorBytes])
}

// Encode writes the bits of a page into b, which has SlotBytes, for the slot of that generation.
func Encode(b []byte, p Place, generation uint64, words *Words) {
	p.Slot = SlotFor(generation)
	s := stamp{generation, rand.Uint32()}
	for k := range sectors {
		sector := b[k*SectorBytes:][:SectorBytes]
		binary.LittleEndian.PutUint32(sector[4:], s.tag)
		binary.LittleEndian.PutUint64(sector[8:], s.generation)
		for i, w := range words[k*sectorWords:][:sectorWords] {
			binary.LittleEndian.PutUint64(sector[sectorHead+8*i:], w)
		}
		binary.LittleEndian.PutUint32(sector, p.Checksum(k, sector))
	}
}

// slot is what was read in the place of a slot.
type slot struct {
	stamps [sectors]stamp // of the sound sectors, zero of those never written
	bad    [sectors]bool
	words  Words
}

// decodeSlot reads a slot from b, which has SlotBytes. The page has bits bits.
func decodeSlot(b []byte, p Place, bits int64) *slot {
	s := &slot{}
	for k := range sectors {
		sector := b[k*SectorBytes:][:SectorBytes]
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
		outside := max(0, int(min(bits, PageBits))-first)
		s.bad[k] = binary.LittleEndian.Uint32(sector) != p.Checksum(k, sector) ||
			s.stamps[k].generation == 0 || SlotFor(s.stamps[k].generation) != p.Slot ||
			NextSet(&s.words, first+min(outside, sectorWords*64), first+sectorWords*64) < first+
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

// Decode returns the newest state of a page that was reported as safe: its
// bits, or nil if none is set, and their generation, 0 if it has none. both are
// its two slots. The page has bits bits; others cannot have been set. doubt says
// that a write of the page was interrupted, or that a slot that is not needed is
// damaged.
func Decode(both []byte, nonce [16]byte, index, bits int64) (words *Words, generation uint64,
	doubt bool, err error) {
	var slots [2]*slot
	var whole [2]uint64
	for i := range slots {
		slots[i] = decodeSlot(both[i*SlotBytes:][:SlotBytes], Place{nonce, index, i}, bits)
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
			return nil, 0, true, ErrDamaged
		}
		doubt = doubt || cutOff
	}
	return words, generation, doubt, nil
}

func allZero(p []byte) bool {
	return len(p) == 0 || p[0] == 0 && bytes.Equal(p[1:], p[:len(p)-1])
}
