package btrfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

var le = binary.LittleEndian

const (
	superBytes = 4096
	superMagic = "_BHRfS_M"
	sysArrayAt = 811
	sysArray   = 2048
)

// superPlaces are where the superblock and its copies are.
var superPlaces = []int64{64 << 10, 64 << 20, 256 << 30}

// Features without which a file system cannot be read.
const (
	featureMetadataUUID = 0x400
	// Those that say nothing of how data is found, or are read: mixed back references,
	// a default subvolume, mixed groups, lzo, zstd, large nodes, extended references,
	// RAID of 5 and 6, small references, no holes, a UUID of metadata, copies of 3 and 4,
	// simple quotas.
	featuresRead = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 |
		0x800 | 0x10000
)

// super is what the superblock says.
type super struct {
	fsid         [16]byte // as nodes have it
	uuid         [16]byte // as people know it
	generation   uint64
	root         pointer
	chunkRoot    pointer
	logRoot      uint64
	bytes        uint64
	rootDir      uint64
	devices      uint64
	sector, node int64
	checksum     checksum
	device       uint64 // the number of this one
	label        string
	chunks       []byte // those that are needed to find the tree of chunks
}

// pointer is where a node is, and what it must say of itself.
type pointer struct {
	logical    uint64
	generation uint64
	level      uint8
}

// readSuper reads the superblock, or the newest of its copies.
func (f *FS) readSuper() error {
	b := make([]byte, superBytes)
	var first error
	found := false
	for i, off := range superPlaces {
		s, err := f.superAt(b, off)
		switch {
		case err != nil && i == 0:
			first = err
		case err != nil:
		case i == 0: // as the kernel does it
			f.super = s
			return nil
		case !found || s.generation > f.generation:
			f.super, found = s, true
		}
	}
	if !found {
		return first
	}
	f.note("the superblock cannot be read (%v): a copy was used", first)
	return nil
}

// superAt reads a superblock into b.
func (f *FS) superAt(b []byte, off int64) (s super, err error) {
	const where = "the superblock"
	if err := f.read(b, off); err != nil {
		return s, fmt.Errorf("read %s: %w", where, err)
	}
	if string(b[64:72]) != superMagic || le.Uint64(b[48:]) != uint64(off) {
		return s, corrupt(where, "it is none of btrfs")
	}
	if s.checksum, err = checksumOf(le.Uint16(b[196:])); err != nil {
		return s, err
	}
	if !s.checksum.right(b, b[32:]) {
		return s, corrupt(where, "its checksum is wrong")
	}
	features := le.Uint64(b[188:])
	if other := features &^ featuresRead; other != 0 {
		return s, fmt.Errorf("%w: the file system has the features %#x", ErrUnsupported, other)
	}
	s.generation, s.logRoot = le.Uint64(b[72:]), le.Uint64(b[96:])
	s.root = pointer{le.Uint64(b[80:]), s.generation, b[198]}
	s.chunkRoot = pointer{le.Uint64(b[88:]), le.Uint64(b[164:]), b[199]}
	s.bytes, s.rootDir, s.devices = le.Uint64(b[112:]), le.Uint64(b[128:]), le.Uint64(b[136:])
	s.sector, s.node = int64(le.Uint32(b[144:])), int64(le.Uint32(b[148:]))
	s.device = le.Uint64(b[201:])
	s.fsid, s.uuid = [16]byte(b[32:]), [16]byte(b[32:])
	if features&featureMetadataUUID != 0 {
		s.fsid = [16]byte(b[571:])
	}
	label, _, _ := bytes.Cut(b[299:555], []byte{0})
	s.label = string(label)
	size := le.Uint32(b[160:])
	switch {
	case s.sector < 512 || s.sector > maxNode || s.sector&(s.sector-1) != 0:
		return s, corrupt(where, "blocks of %d bytes", s.sector)
	case s.node < s.sector || s.node > maxNode || s.node&(s.node-1) != 0:
		return s, corrupt(where, "nodes of %d bytes", s.node)
	case size > sysArray:
		return s, corrupt(where, "%d bytes of chunks", size)
	}
	s.chunks = bytes.Clone(b[sysArrayAt:][:size])
	return s, nil
}
