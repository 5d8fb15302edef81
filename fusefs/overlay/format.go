package overlay

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"
)

// The layout of the map file; docs/overlay-format.md describes it.
const (
	blockBytes = 4096 // the unit of the overlay

	sectorBytes = 4096 // of a header, and of a slot
	headerBytes = 2 * sectorBytes
	pageBytes   = 2 * sectorBytes // the two slots of a page

	slotHead   = 64
	pageBlocks = (sectorBytes - slotHead) * 8 // blocks that a page tells about: 126 MiB
	pageWords  = pageBlocks / 64

	version  = 1
	maxIDLen = 128
)

var (
	headerMagic = [8]byte{'R', 'F', 'S', 'o', 'v', 'l', 'y', '\n'}
	slotMagic   = [4]byte{'R', 'F', 'S', 'm'}
	castagnoli  = crc32.MakeTable(crc32.Castagnoli)
)

// Key is what an overlay is bound to.
type Key struct {
	// Backup is the backup's id: a name of letters, digits and -_. that is a
	// safe file name, 128 bytes at most.
	Backup string
	// Size of the volume in bytes, more than 0.
	Size int64
	// Content identifies what the volume holds.
	Content [32]byte
}

func (k Key) check() error {
	if !validID(k.Backup) {
		return fmt.Errorf("backup id %q cannot be a file name", k.Backup)
	}
	if k.Size <= 0 || k.Size > 1<<62 {
		return fmt.Errorf("a volume of %d bytes cannot have an overlay", k.Size)
	}
	return nil
}

func validID(id string) bool {
	if id == "" || len(id) > maxIDLen || id[0] == '.' {
		return false
	}
	for _, c := range []byte(id) {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// blocks is the number of blocks of the volume, the last perhaps short.
func (k Key) blocks() int64 { return (k.Size-1)/blockBytes + 1 }

func (k Key) pages() int64 { return (k.blocks()-1)/pageBlocks + 1 }

// header is the head of a map file.
type header struct {
	key     Key
	nonce   [16]byte // in every slot, too: what another map left behind is not this one's
	created time.Time
}

func (h *header) encode() []byte {
	b := make([]byte, sectorBytes)
	copy(b, headerMagic[:])
	binary.LittleEndian.PutUint32(b[8:], version)
	copy(b[16:], h.nonce[:])
	binary.LittleEndian.PutUint64(b[32:], uint64(h.key.Size))
	binary.LittleEndian.PutUint32(b[40:], blockBytes)
	binary.LittleEndian.PutUint32(b[44:], uint32(len(h.key.Backup)))
	binary.LittleEndian.PutUint64(b[48:], uint64(h.created.Unix()))
	copy(b[64:], h.key.Content[:])
	copy(b[96:], h.key.Backup)
	binary.LittleEndian.PutUint32(b[12:], checksum(b, 12))
	return b
}

// decodeHeader parses one copy of the header. ErrVersion says that it is one,
// but not of this version.
func decodeHeader(b []byte) (*header, error) {
	if len(b) < sectorBytes || !bytes.Equal(b[:8], headerMagic[:]) {
		return nil, damaged("it has no header")
	}
	b = b[:sectorBytes]
	if v := binary.LittleEndian.Uint32(b[8:]); v != version {
		return nil, fmt.Errorf("%w: %d, this restorefs knows %d", ErrVersion, v, version)
	}
	if binary.LittleEndian.Uint32(b[12:]) != checksum(b, 12) {
		return nil, damaged("the checksum of its header is wrong")
	}
	h := &header{created: time.Unix(int64(binary.LittleEndian.Uint64(b[48:])), 0).UTC()}
	h.key.Size = int64(binary.LittleEndian.Uint64(b[32:]))
	copy(h.nonce[:], b[16:])
	copy(h.key.Content[:], b[64:])
	n := binary.LittleEndian.Uint32(b[44:])
	if n > maxIDLen || binary.LittleEndian.Uint32(b[40:]) != blockBytes {
		return nil, damaged("its header makes no sense")
	}
	h.key.Backup = string(b[96 : 96+n])
	if err := h.key.check(); err != nil {
		return nil, damaged("%v", err)
	}
	return h, nil
}

// slotState is what decodeSlot found.
type slotState uint8

const (
	slotEmpty slotState = iota // never written
	slotBad                    // a write of it was cut off, or it is damaged
	slotGood
)

// encodeSlot writes a slot of page index into b, which has sectorBytes.
func encodeSlot(b []byte, nonce [16]byte, index int64, generation uint64, words *[pageWords]uint64) {
	clear(b[:slotHead])
	copy(b, slotMagic[:])
	binary.LittleEndian.PutUint64(b[8:], generation)
	binary.LittleEndian.PutUint64(b[16:], uint64(index))
	copy(b[24:], nonce[:])
	for i, w := range words {
		binary.LittleEndian.PutUint64(b[slotHead+8*i:], w)
	}
	binary.LittleEndian.PutUint32(b[4:], checksum(b, 4))
}

// decodeSlot parses a slot of page index, of a volume of that many blocks. The
// words are filled in only if it is good.
func decodeSlot(b []byte, nonce [16]byte, index, blocks int64, words *[pageWords]uint64) (generation uint64, state slotState) {
	if allZero(b) {
		return 0, slotEmpty
	}
	generation = binary.LittleEndian.Uint64(b[8:])
	if !bytes.Equal(b[:4], slotMagic[:]) || binary.LittleEndian.Uint32(b[4:]) != checksum(b, 4) || generation == 0 ||
		binary.LittleEndian.Uint64(b[16:]) != uint64(index) || !bytes.Equal(b[24:40], nonce[:]) {
		return 0, slotBad
	}
	var read [pageWords]uint64
	for i := range read {
		read[i] = binary.LittleEndian.Uint64(b[slotHead+8*i:])
	}
	if most := blocks - index*pageBlocks; most < pageBlocks {
		if next := nextSet(&read, int(most), pageBlocks); next < pageBlocks {
			return 0, slotBad // a block behind the end of the volume
		}
	}
	*words = read
	return generation, slotGood
}

// slotOffset is where a slot of a page is in the map file.
func slotOffset(index int64, slot int) int64 {
	return headerBytes + index*pageBytes + int64(slot)*sectorBytes
}

// checksum is the CRC-32C of b with the four bytes at off taken as zeros.
func checksum(b []byte, off int) uint32 {
	c := crc32.Update(0, castagnoli, b[:off])
	c = crc32.Update(c, castagnoli, []byte{0, 0, 0, 0})
	return crc32.Update(c, castagnoli, b[off+4:])
}

func allZero(p []byte) bool {
	return len(p) == 0 || p[0] == 0 && bytes.Equal(p[1:], p[:len(p)-1])
}
