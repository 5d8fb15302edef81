package overlay

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/restorefs/restorefs/fusefs/overlay/pagefile"
)

// The layout of the map file; docs/overlay-format.md describes it.
const (
	blockBytes = 4096 // the unit of the overlay

	slotBytes = pagefile.SlotBytes // of a copy of the header, and of a slot
	// both copies, at the start of the map and at the end of the data file
	headerBytes = 2 * slotBytes
	pageBytes   = pagefile.PageBytes // the two slots of a page
	pageBlocks  = pagefile.PageBits  // blocks that a page tells about: 124 MiB

	version  = 2
	maxIDLen = 128
)

var (
	headerMagic = [8]byte{'R', 'F', 'S', 'o', 'v', 'l', 'y', '\n'}
	castagnoli  = crc32.MakeTable(crc32.Castagnoli)
)

// Key identifies the volume that an overlay belongs to.
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
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' ||
			c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// blocks is the number of blocks of the volume, the last perhaps short.
func (k Key) blocks() int64 { return (k.Size-1)/blockBytes + 1 }

// pageBits is how many blocks of the volume a page tells about.
func (k Key) pageBits(index int64) int64 { return min(pageBlocks, k.blocks()-index*pageBlocks) }

// slotOffset is the offset of a slot of a page in the map file.
func slotOffset(index int64, slot int) int64 {
	return headerBytes + index*pageBytes + int64(slot)*slotBytes
}

func (k Key) pages() int64 { return (k.blocks()-1)/pageBlocks + 1 }

// mapBytes is the length of the map file. It has this length from the beginning: a shorter one was
// cut.
func (k Key) mapBytes() int64 { return slotOffset(k.pages(), 0) }

// sealOffset is where the seal of the data file begins, behind its blocks.
func (k Key) sealOffset() int64 { return k.blocks() * blockBytes }

// dataBytes is the length of the data file.
func (k Key) dataBytes() int64 { return k.sealOffset() + headerBytes }

// header is the head of a map file, and the seal of the data file that belongs to it.
type header struct {
	key     Key
	nonce   [16]byte // part of every checksum of a slot, so that slots of another map do not count
	created time.Time
}

func (h *header) encode() []byte {
	b := make([]byte, slotBytes)
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

// decodeHeader parses one copy of the header. ErrVersion means that it is a header of another
// version.
func decodeHeader(b []byte) (*header, error) {
	if len(b) < slotBytes || !bytes.Equal(b[:8], headerMagic[:]) {
		return nil, damaged("it has no header")
	}
	b = b[:slotBytes]
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

// checksum is the CRC-32C of b with the four bytes at off taken as zeros.
func checksum(b []byte, off int) uint32 {
	c := crc32.Update(0, castagnoli, b[:off])
	c = crc32.Update(c, castagnoli, []byte{0, 0, 0, 0})
	return crc32.Update(c, castagnoli, b[off+4:])
}
