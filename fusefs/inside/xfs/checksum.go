package xfs

import (
	"encoding/binary"
	"hash/crc32"
)

var le = binary.LittleEndian
var be = binary.BigEndian

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// zeros stands in for checksum fields, which are counted as zeros.
var zeros [4]byte

// checksum returns the CRC-32C of a structure that has it, little-endian, at an offset.
func checksum(b []byte, at int) uint32 {
	c := crc32.Update(0, castagnoli, b[:at])
	c = crc32.Update(c, castagnoli, zeros[:])
	return crc32.Update(c, castagnoli, b[at+4:])
}

func rightChecksum(b []byte, at int) bool { return checksum(b, at) == le.Uint32(b[at:]) }

// A header says where a kind of metadata of version 5 keeps what identifies it.
type header struct{ crc, place, uuid, owner int }

var (
	mapHeader   = header{crc: 64, place: 24, uuid: 40, owner: 56} // a block of extents
	dirHeader   = header{crc: 4, place: 8, uuid: 24, owner: 40}   // names, or free space
	treeHeader  = header{crc: 12, place: 16, uuid: 32, owner: 48} // hash trees, attributes
	valueHeader = header{crc: 12, place: 40, uuid: 16, owner: 32} // remote links and values
)

// checkAge notes metadata that was written later than the log has it: the log was made empty, or
// is that of an older copy of the disk, and what it has does not fit to the rest.
func (f *FS) checkAge(lsn uint64) {
	if f.newest > 0 && lsn > f.newest && lsn != ^uint64(0) {
		f.note(
			"some of it is newer than its log, which was made empty or belongs to an older copy: " +
				"what is shown may contradict itself, and xfs_repair was due")
	}
}

// valueHeaderBytes is how long the header of remote links and values is.
const valueHeaderBytes = 56

// identify checks that metadata is what it should be: of version 5 only. It
// begins at a block of the disk and belongs to an inode.
func (f *FS) identify(c *cached, block uint64, h header, ino uint64, what string) error {
	if !f.sb.v5() {
		return nil
	}
	b, where := c.data, blockName(block)
	switch {
	case !c.replaced && !rightChecksum(b, h.crc):
		return corrupt(where, "the checksum of %s of inode %d is wrong", what, ino)
	case [16]byte(b[h.uuid:]) != f.sb.metaUUID:
		return corrupt(where, "%s of inode %d is of another file system", what, ino)
	case be.Uint64(b[h.place:]) != block<<(f.sb.logBlock-sectorShift):
		return corrupt(where, "%s of inode %d was written to another place", what, ino)
	case be.Uint64(b[h.owner:]) != ino && !(h == mapHeader && f.newOwner[ino]):
		return corrupt(where, "%s belongs to inode %d, not %d", what, be.Uint64(b[h.owner:]), ino)
	}
	if !c.replaced {
		f.checkAge(be.Uint64(b[h.place+8:]))
	}
	return nil
}
