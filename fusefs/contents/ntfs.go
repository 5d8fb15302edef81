package contents

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// NTFS: fs/ntfs3/ntfs.h of Linux. Two places say whether it was unmounted: a
// flag in the record of $Volume, and the start of $LogFile.
const (
	ntfsLogFile, ntfsVolume           = 2, 3 // numbers of records at the start of the MFT
	ntfsName, ntfsInformation         = 0x60, 0x70
	ntfsData, ntfsEnd                 = 0x80, 0xFFFFFFFF
	ntfsDirty                         = 0x1
	ntfsNoClient, ntfsLogClean        = 0xFFFF, 0x2
	ntfsMaxRecord, ntfsLogPage        = 64 << 10, 4096
	ntfsMaxSector, ntfsMaxClusterBits = 4096, 21
)

func ntfs(d *disk, head []byte) (Contents, bool) {
	if string(head[3:11]) != "NTFS    " {
		return Contents{}, false
	}
	c := Contents{Kind: "NTFS", Detail: "it cannot be told whether it was in use"}
	v, ok := newNTFSVolume(d, head)
	if !ok {
		return c, true
	}
	volume, log := v.record(ntfsVolume), v.record(ntfsLogFile)
	flags := resident(attribute(volume, ntfsInformation))
	if len(flags) < 12 || log == nil {
		return c, true
	}
	c.Label = utf16(resident(attribute(volume, ntfsName)))
	clean, known := v.logClean(log)
	switch {
	case binary.LittleEndian.Uint16(flags[10:])&ntfsDirty != 0:
		c.State, c.Detail = InUse, "it is marked dirty: run chkdsk on it, or ntfsfix"
	case known && !clean:
		c.State, c.Detail = InUse, "its log is to be replayed, which Windows does"
	case known:
		c.State, c.Detail = Clean, ""
	}
	return c, true
}

type ntfsVol struct {
	d            *disk
	clusterBytes int64
	mft          int64 // offset of the MFT in bytes
	recordBytes  int64
}

func newNTFSVolume(d *disk, head []byte) (v ntfsVol, ok bool) {
	le := binary.LittleEndian
	sector := int64(le.Uint16(head[11:]))
	if sector < 256 || sector > ntfsMaxSector || bits.OnesCount64(uint64(sector)) != 1 {
		return v, false
	}
	// Both sizes are numbers of sectors or clusters or, if negative, exponents
	// of two.
	v.d, v.clusterBytes = d, sector*int64(head[13])
	if head[13] > 0x80 {
		if n := 256 - int(head[13]); n <= ntfsMaxClusterBits {
			v.clusterBytes = sector << n
		}
	}
	if v.clusterBytes < sector || v.clusterBytes > 1<<ntfsMaxClusterBits {
		return v, false
	}
	v.recordBytes = int64(int8(head[64])) * v.clusterBytes
	if n := -int(int8(head[64])); n > 0 && n <= 16 {
		v.recordBytes = 1 << n
	}
	mft := le.Uint64(head[48:])
	if v.recordBytes < 512 || v.recordBytes > ntfsMaxRecord ||
		mft >= uint64(d.size/v.clusterBytes) {
		return v, false
	}
	v.mft = int64(mft) * v.clusterBytes
	return v, true
}

// record reads one of the first records of the MFT, which are contiguous, and
// restores the ends of its sectors (fixups); nil if there is no valid record.
func (v ntfsVol) record(n int64) []byte {
	b := v.d.at(v.mft+n*v.recordBytes, int(v.recordBytes))
	if b == nil || string(b[:4]) != "FILE" {
		return nil
	}
	le := binary.LittleEndian
	at, count := int(le.Uint16(b[4:])), int(le.Uint16(b[6:]))
	if count < 1 || at > len(b)-2*count || (count-1)*512 > len(b) {
		return nil
	}
	for i := 1; i < count; i++ {
		copy(b[i*512-2:i*512], b[at+2*i:])
	}
	return b
}

// attribute returns the first attribute of a kind in a record; nil if there is
// none.
func attribute(record []byte, kind uint32) []byte {
	le := binary.LittleEndian
	if len(record) < 0x30 {
		return nil
	}
	for at := int(le.Uint16(record[20:])); at >= 0x18 && at <= len(record)-24; {
		a := record[at:]
		length := int64(le.Uint32(a[4:]))
		if k := le.Uint32(a); k == ntfsEnd || length < 24 || length > int64(len(a)) {
			return nil
		} else if k == kind {
			return a[:length]
		}
		at += int(length)
	}
	return nil
}

// resident returns the value of an attribute if that lies in the record itself,
// else nil.
func resident(a []byte) []byte {
	if len(a) < 24 || a[8] != 0 {
		return nil
	}
	length, at := int64(binary.LittleEndian.Uint32(a[16:])),
		int64(binary.LittleEndian.Uint16(a[20:]))
	if at > int64(len(a)) || length > int64(len(a))-at {
		return nil
	}
	return a[at : at+length]
}

// logClean says whether the log needs no replaying. Its newer restart area of
// two says so: either the volume is marked clean, or no client had the log
// open.
func (v ntfsVol) logClean(record []byte) (clean, known bool) {
	off, ok := v.firstRun(attribute(record, ntfsData))
	if !ok {
		return false, false
	}
	le := binary.LittleEndian
	newest := uint64(0)
	for i := range int64(2) {
		page := v.d.at(off+i*ntfsLogPage, ntfsLogPage)
		if page == nil {
			return false, false
		}
		if i == 0 && bytes.Equal(page, bytes.Repeat([]byte{0xFF}, ntfsLogPage)) {
			return true, true // emptied, as mkntfs and ntfsfix leave it
		}
		at := int(le.Uint16(page[24:]))
		if string(page[:4]) != "RSTR" || at < 28 || at > 510-16 {
			continue
		}
		if lsn := le.Uint64(page[at:]); !known || lsn > newest {
			newest = lsn
			clean = le.Uint16(page[at+12:]) == ntfsNoClient ||
				le.Uint16(page[at+14:])&ntfsLogClean != 0
			known = true
		}
	}
	return clean, known
}

// firstRun returns the byte at which the data of a non-resident attribute
// begins. The first run consists of its length in clusters and its first
// cluster.
func (v ntfsVol) firstRun(a []byte) (off int64, ok bool) {
	if len(a) < 64 || a[8] == 0 {
		return 0, false
	}
	at := int(binary.LittleEndian.Uint16(a[32:]))
	if at >= len(a) {
		return 0, false
	}
	length, offset := int(a[at]&0xF), int(a[at]>>4)
	if length == 0 || length > 8 || offset == 0 || offset > 7 || at+1+length+offset > len(a) {
		return 0, false
	}
	cluster := int64(0)
	for i := offset - 1; i >= 0; i-- {
		cluster = cluster<<8 | int64(a[at+1+length+i])
	}
	if cluster >= v.d.size/v.clusterBytes {
		return 0, false
	}
	return cluster * v.clusterBytes, true
}

// utf16 decodes a name. Units that are not characters are replaced.
func utf16(b []byte) string {
	var r []rune
	for ; len(b) >= 2; b = b[2:] {
		r = append(r, rune(binary.LittleEndian.Uint16(b)))
	}
	return string(r)
}
