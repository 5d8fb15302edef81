package disk

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cache/private"
)

// See docs/disk-cache-format.md.
const (
	lockName    = "lock"
	slabPattern = "slab-%05d"
	magic       = "restorefs-disk-cache\n"
	version     = 1
	headerBytes = 4096
	keyBytes    = 32
)

// key names the bytes of an entry: the digest of its block, or the digest of the digests of its
// blocks.
type key [keyBytes]byte

// slab is one file of slots of one size. Cache.mu guards tags and recent; the other fields never
// change.
type slab struct {
	number int
	file   *os.File
	unit   int64 // bytes of a slot

	tags   []uint64 // of the entries in the slots; 0: the slot is empty
	recent []bool   // read since the clock's hand passed
}

func (s *slab) keyAt(i int) int64  { return headerBytes + int64(i)*keyBytes }
func (s *slab) dataAt(i int) int64 { return dataStart(len(s.tags)) + int64(i)*s.unit }
func (s *slab) bytes() int64       { return slabSize(s.unit, len(s.tags)) }

// dataStart is where the slots begin in a slab with n of them.
func dataStart(n int) int64 { return (headerBytes + int64(n)*keyBytes + 4095) / 4096 * 4096 }

func slabSize(unit int64, n int) int64 { return dataStart(n) + int64(n)*unit }

// slotsIn is how many slots fit into a file of n bytes.
func slotsIn(unit, n int64) int {
	return int(min(max(0, n-headerBytes-4096)/(unit+keyBytes), maxSlots))
}

func slabName(number int) string { return fmt.Sprintf(slabPattern, number) }

// header is the start of a slab file.
func header(unit int64, slots int) []byte {
	h := append(make([]byte, 0, headerBytes), magic...)
	h = binary.LittleEndian.AppendUint32(h, version)
	h = binary.LittleEndian.AppendUint32(h, uint32(unit))
	h = binary.LittleEndian.AppendUint32(h, uint32(slots))
	return binary.LittleEndian.AppendUint32(h, crc32.Checksum(h, crc32.MakeTable(crc32.Castagnoli)))
}

// makeSlab makes an empty slab file.
func (c *Cache) makeSlab(number int, unit int64, slots int) (*slab, error) {
	name := slabName(number)
	f, err := c.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err = f.Truncate(slabSize(unit, slots)); err == nil {
		_, err = f.WriteAt(header(unit, slots), 0)
	}
	if err != nil {
		f.Close()
		c.root.Remove(name)
		return nil, err
	}
	return &slab{number: number, file: f, unit: unit, tags: make([]uint64, slots),
		recent: make([]bool, slots)}, nil
}

// openSlab opens an existing slab file and returns the keys in it. After any error the file is of
// no use.
func (c *Cache) openSlab(number int) (*slab, []byte, error) {
	name := slabName(number)
	f, err := c.root.OpenFile(name, os.O_RDWR|private.Flags, 0)
	if err != nil {
		return nil, nil, err
	}
	var s *slab
	var keys []byte
	if err = private.Check(f); err == nil {
		s, keys, err = readSlab(f, number)
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, keys, nil
}

var errSlab = fmt.Errorf("not a slab of this version")

func readSlab(f *os.File, number int) (*slab, []byte, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	const fixed = len(magic) + 16
	h := make([]byte, fixed)
	if _, err := f.ReadAt(h, 0); err != nil {
		return nil, nil, err
	}
	unit := int64(binary.LittleEndian.Uint32(h[len(magic)+4:]))
	slots := int(binary.LittleEndian.Uint32(h[len(magic)+8:]))
	switch {
	case !bytes.Equal(h, header(unit, slots)),
		unit < unitBytes, unit > maxUnit, slots < 1, slots > maxSlots,
		st.Size() != slabSize(unit, slots):
		return nil, nil, errSlab
	}
	keys := make([]byte, slots*keyBytes)
	if _, err := f.ReadAt(keys, headerBytes); err != nil {
		return nil, nil, err
	}
	return &slab{number: number, file: f, unit: unit, tags: make([]uint64, slots),
		recent: make([]bool, slots)}, keys, nil
}
