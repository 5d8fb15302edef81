package parttable

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The header of a GPT, UEFI 2.10, table 5-5. All numbers are little endian.
const (
	gptSignature  = "EFI PART"
	gptHeaderMin  = 92
	gptEntryMin   = 128
	gptEntryMax   = 4096
	gptTypeBytes  = 16 // of an entry: all zero if it is unused
	gptEntryFirst = 32 // first sector
	gptEntryLast  = 40 // last sector
)

// gptHeader is a header whose checksum is right.
type gptHeader struct {
	entries    int64 // the byte at which the entries begin
	count      uint32
	entryBytes uint32
	checksum   uint32 // of the entries

	firstUsable, lastUsable uint64 // sectors
}

// readGPT reads the GPT that the protective MBR announces, from its first copy
// or else from the second.
func (d *disk) readGPT() error {
	var wrong []error
	try := func(which string, sectorBytes, sector int64) bool {
		err := d.tryGPT(sectorBytes, sector)
		if err != nil && !errors.Is(err, errNoHeader) { // a missing header is reported below
			wrong = append(wrong, fmt.Errorf("the %s copy of the GPT cannot be used: %w",
				which, err))
		}
		return err == nil
	}
	sizes := []int64{512, 4096} // of sectors
	for _, b := range sizes {
		if try("first", b, 1) {
			return nil
		}
	}
	lost := errors.New("the first copy of the GPT is missing")
	if len(wrong) > 0 {
		lost = wrong[0]
	}
	for _, b := range sizes {
		// On a disk that was enlarged, the second copy is still where the first
		// one says.
		if try("second", b, d.size/b-1) || try("second", b, d.alternate(b)) {
			d.problem("%v; the second copy is used, which Linux does not do: "+
				"it shows no partitions", lost)
			return nil
		}
	}
	for _, err := range wrong {
		if _, is := errors.AsType[damaged](err); !is { // a copy could not be read
			return errors.Join(wrong...)
		}
	}
	d.problem("the MBR says that there is a GPT, but no copy of it is good")
	for _, err := range wrong {
		d.problem("%v", err)
	}
	return nil
}

// damaged says what is wrong with a copy of a GPT that could be read.
type damaged string

func (e damaged) Error() string { return string(e) }

const errNoHeader = damaged("there is no header")

// tryGPT adds all partitions of the GPT whose header is in that sector, or none
// if something is wrong with it.
func (d *disk) tryGPT(sectorBytes, sector int64) error {
	h, err := d.gptHeader(sectorBytes, sector)
	if err != nil {
		return err
	}
	d.SectorBytes, d.isGPT = sectorBytes, true
	d.tellLinux(h)
	if err := d.takeEntries(h); err != nil {
		d.Table, d.isGPT = Table{}, false
		return err
	}
	return nil
}

// tellLinux reports why Linux would refuse a sound GPT: is_gpt_valid in
// block/partitions/efi.c.
func (d *disk) tellLinux(h gptHeader) {
	if h.entryBytes != gptEntryMin {
		d.problem("the entries of the GPT have %d bytes each; Linux wants %d, "+
			"and shows no partitions", h.entryBytes, gptEntryMin)
	}
	if last := d.sectors() - 1; h.lastUsable > last || h.firstUsable > last ||
		h.lastUsable < h.firstUsable {
		d.problem("the GPT says that sectors %d to %d are for partitions, of a disk whose last "+
			"one is %d; Linux refuses that, and shows no partitions",
			h.firstUsable, h.lastUsable, last)
	}
	if d.SectorBytes != 512 {
		d.problem("the GPT counts in sectors of %d bytes; where a device has sectors of 512, "+
			"as loop devices have unless told otherwise, "+
			"Linux shows no partitions", d.SectorBytes)
	}
}

// rawHeader reads the sector of a header and checks only its signature.
func (d *disk) rawHeader(sectorBytes, sector int64) ([]byte, error) {
	if sector < 1 || sector >= d.size/sectorBytes {
		return nil, errNoHeader
	}
	b := make([]byte, sectorBytes)
	if err := d.read(b, sector*sectorBytes, "the header of the GPT"); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(b, []byte(gptSignature)) {
		return nil, errNoHeader
	}
	return b, nil
}

// alternate returns the sector in which, according to the first header, the
// second one is; 0 if unknown. The first header may be damaged.
func (d *disk) alternate(sectorBytes int64) int64 {
	b, err := d.rawHeader(sectorBytes, 1)
	if err != nil {
		return 0
	}
	at := binary.LittleEndian.Uint64(b[32:])
	if at >= uint64(d.size/sectorBytes-1) { // the last sector was tried
		return 0
	}
	return int64(at)
}

func (d *disk) gptHeader(sectorBytes, sector int64) (gptHeader, error) {
	b, err := d.rawHeader(sectorBytes, sector)
	if err != nil {
		return gptHeader{}, err
	}
	le := binary.LittleEndian
	length := le.Uint32(b[12:])
	if length < gptHeaderMin || int64(length) > sectorBytes {
		return gptHeader{}, damaged(fmt.Sprintf("its header says that it has %d bytes", length))
	}
	want := le.Uint32(b[16:])
	clear(b[16:20])
	if crc32.ChecksumIEEE(b[:length]) != want {
		return gptHeader{}, damaged("the checksum of its header is wrong")
	}
	if own := le.Uint64(b[24:]); own != uint64(sector) {
		return gptHeader{}, damaged(fmt.Sprintf(
			"its header is in sector %d and says that it belongs in sector %d", sector, own))
	}
	h := gptHeader{count: le.Uint32(b[80:]), entryBytes: le.Uint32(b[84:]),
		checksum:    le.Uint32(b[88:]),
		firstUsable: le.Uint64(b[40:]), lastUsable: le.Uint64(b[48:])}
	if h.entryBytes < gptEntryMin || h.entryBytes > gptEntryMax ||
		h.entryBytes&(h.entryBytes-1) != 0 {
		return gptHeader{}, damaged(fmt.Sprintf("its entries have %d bytes each", h.entryBytes))
	}
	if h.count == 0 || h.bytes() > maxEntriesBytes {
		return gptHeader{}, damaged(fmt.Sprintf("it has %d entries", h.count))
	}
	at := le.Uint64(b[72:])
	if at < 2 || at >= uint64(d.size/sectorBytes) || d.size-int64(at)*sectorBytes < h.bytes() {
		return gptHeader{}, damaged(fmt.Sprintf("its entries should be at sector %d", at))
	}
	h.entries = int64(at) * sectorBytes
	return h, nil
}

func (h gptHeader) bytes() int64 { return int64(h.count) * int64(h.entryBytes) }

// takeEntries adds the partitions of the entries, which it reads piece by
// piece. Only after the last piece is it known whether the checksum is right.
func (d *disk) takeEntries(h gptHeader) error {
	sum, number := uint32(0), 0
	buf := make([]byte, min(pieceBytes, h.bytes())) // a multiple of the entries' size
	for off := int64(0); off < h.bytes(); off += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), h.bytes()-off)]
		if err := d.read(buf, h.entries+off, "the entries of the GPT"); err != nil {
			return err
		}
		sum = crc32.Update(sum, crc32.IEEETable, buf)
		for e := buf; len(e) > 0; e = e[h.entryBytes:] {
			number++
			d.takeEntry(number, e)
		}
	}
	if sum != h.checksum {
		return damaged("the checksum of its entries is wrong")
	}
	return nil
}

func (d *disk) takeEntry(number int, e []byte) {
	if bytes.Equal(e[:gptTypeBytes], make([]byte, gptTypeBytes)) {
		return // unused
	}
	first, last := binary.LittleEndian.Uint64(e[gptEntryFirst:]), binary.LittleEndian.Uint64(
		e[gptEntryLast:])
	if last < first {
		d.problem("partition %d ends at sector %d, before it begins, at %d; it is left out "+
			"(Linux shows it with a size that makes no sense)", number, last, first)
		return
	}
	if number >= maxPartitions && !d.beyond { // Linux counts from 0: the disk itself
		d.beyond = true
		d.problem("partition %d has a number that Linux leaves out: it shows those below %d",
			number, maxPartitions)
	}
	d.add(number, first, max(last-first, last-first+1)) // 2^64 sectors would overflow to 0
}
