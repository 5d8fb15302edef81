package live

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"github.com/restorefs/restorefs/fusefs/overlay/pagefile"
)

// The layout of the state file; docs/live-format.md describes it.
const (
	blockBytes = 4096 // the unit of the map

	headerBytes = pagefile.SlotBytes // of one of its two copies
	recordsAt   = 2 * headerBytes
	recordBytes = pagefile.SectorBytes // written whole or not at all
	pagesAt     = recordsAt + 2*pagefile.SlotBytes

	version    = 1
	maxIDLen   = 128
	maxNameLen = 128
	maxKeyLen  = 1024
	maxPathLen = 1024

	idAt, nameAt, keyAt, pathAt = 128, 256, 384, 1408 // in the header
)

var (
	headerMagic = [8]byte{'R', 'F', 'S', 'l', 'i', 'v', 'e', '\n'}
	recordMagic = [8]byte{'R', 'F', 'S', 'l', 'i', 'v', 'e', 'p'}
	castagnoli  = crc32.MakeTable(crc32.Castagnoli)
)

// Key says what is restored, and where to.
type Key struct {
	Backup  string   // its id, 128 bytes at most
	Size    int64    // of the volume in bytes, more than 0
	Content [32]byte // identifies what the volume holds

	Device     string // identifies the device whatever its name, 1024 bytes at most
	DeviceSize int64  // in bytes, Size at least
}

func (k Key) check() error {
	switch {
	case k.Backup == "" || len(k.Backup) > maxIDLen:
		return fmt.Errorf("a backup id of %d bytes", len(k.Backup))
	case k.Size <= 0 || k.Size > 1<<62:
		return fmt.Errorf("a volume of %d bytes", k.Size)
	case k.DeviceSize < k.Size:
		return fmt.Errorf("a device of %d bytes for a volume of %d", k.DeviceSize, k.Size)
	case k.Device == "" || len(k.Device) > maxKeyLen:
		return fmt.Errorf("an identity of the device of %d bytes", len(k.Device))
	}
	return nil
}

// blocks is the number of blocks of the volume, the last perhaps short.
func (k Key) blocks() int64 { return (k.Size-1)/blockBytes + 1 }

func (k Key) pages() int64 { return (k.blocks()-1)/pageBlocks + 1 }

// pageBits is how many bits a page of the map has.
func (k Key) pageBits(index int64) int64 {
	return 2 * min(pageBlocks, k.blocks()-index*pageBlocks)
}

// fileBytes is the length of the state file. It has it from the beginning: a shorter one was cut.
func (k Key) fileBytes() int64 { return slotOffset(k.pages(), 0) }

// slotOffset is the offset of a slot of a page.
func slotOffset(index int64, slot int) int64 {
	return pagesAt + index*pagefile.PageBytes + int64(slot)*pagefile.SlotBytes
}

// Names are what people call what is in Key; they identify nothing.
type Names struct {
	Device string // its path
	Mapper string // the name below /dev/mapper, "" for none
}

// header is what never changes in a state file.
type header struct {
	key     Key
	names   Names
	nonce   [16]byte // part of every checksum of a slot and of a record
	created time.Time
}

// id identifies the restore.
func (h *header) id() string { return hex.EncodeToString(h.nonce[:]) }

func (h *header) encode() []byte {
	b := make([]byte, headerBytes)
	copy(b, headerMagic[:])
	le := binary.LittleEndian
	le.PutUint32(b[8:], version)
	copy(b[16:], h.nonce[:])
	le.PutUint64(b[32:], uint64(h.key.Size))
	le.PutUint64(b[40:], uint64(h.key.DeviceSize))
	le.PutUint64(b[48:], uint64(h.created.Unix()))
	le.PutUint32(b[56:], blockBytes)
	copy(b[64:], h.key.Content[:])
	for i, s := range h.texts() {
		le.PutUint16(b[96+2*i:], uint16(len(*s.text)))
		copy(b[s.at:], *s.text)
	}
	le.PutUint32(b[12:], checksum(b, 12))
	return b
}

type headerText struct {
	text     *string
	at, most int
}

func (h *header) texts() [4]headerText {
	return [4]headerText{{&h.key.Backup, idAt, maxIDLen}, {&h.names.Mapper, nameAt, maxNameLen},
		{&h.key.Device, keyAt, maxKeyLen}, {&h.names.Device, pathAt, maxPathLen}}
}

// decodeHeader parses one copy of the header.
func decodeHeader(b []byte) (*header, error) {
	le := binary.LittleEndian
	if len(b) < headerBytes || !bytes.Equal(b[:8], headerMagic[:]) {
		return nil, ErrForeign
	}
	b = b[:headerBytes]
	if v := le.Uint32(b[8:]); v != version {
		return nil, fmt.Errorf("%w: %d, this restorefs knows %d", ErrVersion, v, version)
	}
	if le.Uint32(b[12:]) != checksum(b, 12) {
		return nil, damaged("the checksum of its header is wrong")
	}
	h := &header{created: time.Unix(int64(le.Uint64(b[48:])), 0).UTC()}
	h.key.Size, h.key.DeviceSize = int64(le.Uint64(b[32:])), int64(le.Uint64(b[40:]))
	copy(h.nonce[:], b[16:])
	copy(h.key.Content[:], b[64:])
	for i, s := range h.texts() {
		n := int(le.Uint16(b[96+2*i:]))
		if n > s.most {
			return nil, damaged("its header makes no sense")
		}
		*s.text = strings.Clone(string(b[s.at : s.at+n]))
	}
	if err := h.key.check(); err != nil || le.Uint32(b[56:]) != blockBytes {
		return nil, damaged("its header makes no sense: %v", err)
	}
	return h, nil
}

// checksum is the CRC-32C of b with the four bytes at off taken as zeros.
func checksum(b []byte, off int) uint32 {
	c := crc32.Update(0, castagnoli, b[:off])
	c = crc32.Update(c, castagnoli, []byte{0, 0, 0, 0})
	return crc32.Update(c, castagnoli, b[off+4:])
}

// record is what changes with the phases. Each one is a sector, written into the place that the
// last one is not in.
type record struct {
	generation uint64
	phase      Phase
	// open says that a process was at it: of what it did since it opened the file only what the map
	// says counts. zeroed counts only if it is false.
	open   bool
	zeroed int64 // holes of the backup below this offset are zero on the device
	data   int64 // bytes of the volume that are not holes, 0 as long as they are not counted
	lost   int64 // bytes
}

func (r record) encode(nonce [16]byte) []byte {
	b := make([]byte, recordBytes)
	le := binary.LittleEndian
	copy(b, recordMagic[:])
	copy(b[16:], nonce[:])
	le.PutUint64(b[32:], r.generation)
	le.PutUint32(b[40:], uint32(r.phase))
	if r.open {
		le.PutUint32(b[44:], 1)
	}
	le.PutUint64(b[48:], uint64(r.zeroed))
	le.PutUint64(b[56:], uint64(r.data))
	le.PutUint64(b[64:], uint64(r.lost))
	le.PutUint32(b[8:], checksum(b, 8))
	return b
}

var errNoRecord = errors.New("nothing was written there")

// decodeRecord parses a record; errNoRecord means that its place is empty.
func decodeRecord(b []byte, h *header) (r record, err error) {
	le := binary.LittleEndian
	if len(bytes.Trim(b, "\x00")) == 0 {
		return r, errNoRecord
	}
	r = record{generation: le.Uint64(b[32:]), phase: Phase(le.Uint32(b[40:])),
		open: le.Uint32(b[44:]) != 0, zeroed: int64(le.Uint64(b[48:])),
		data: int64(le.Uint64(b[56:])), lost: int64(le.Uint64(b[64:]))}
	within := func(n int64) bool { return n >= 0 && n <= h.key.Size }
	if !bytes.Equal(b[:8], recordMagic[:]) || le.Uint32(b[8:]) != checksum(b, 8) ||
		!bytes.Equal(b[16:32], h.nonce[:]) || r.generation == 0 || !r.phase.known() ||
		!within(r.zeroed) || !within(r.data) || !within(r.lost) {
		return r, damaged("one of its records of how far it got")
	}
	return r, nil
}

func recordOffset(generation uint64) int64 {
	return recordsAt + int64(pagefile.SlotFor(generation))*pagefile.SlotBytes
}

// latest returns the newer of the two records. A record that is damaged is not taken for one that
// was cut off: a disk writes a sector whole or not at all.
func latest(both []byte, h *header) (record, error) {
	var last record
	for slot := range int64(2) {
		r, err := decodeRecord(both[slot*pagefile.SlotBytes:][:recordBytes], h)
		if errors.Is(err, errNoRecord) {
			continue
		}
		if err == nil && recordOffset(r.generation) != recordsAt+slot*pagefile.SlotBytes {
			err = damaged("its records of how far it got are exchanged")
		}
		if err != nil {
			return record{}, err
		}
		if r.generation > last.generation {
			last = r
		}
	}
	if last.generation == 0 {
		return record{}, damaged("it does not say how far it got")
	}
	return last, nil
}
