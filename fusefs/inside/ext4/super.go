package ext4

import (
	"errors"
	"math/bits"

	"github.com/restorefs/restorefs/fusefs/inside/reading"
)

const (
	superOffset = 1024
	superBytes  = 1024
	magicEXT    = 0xEF53
)

// super is what is used of a superblock.
type super struct {
	inodes        uint32
	blocks        uint64
	firstData     uint32 // the first block of group 0
	logBlock      uint   // block size is 1 << logBlock
	logCluster    uint
	groupBlocks   uint32
	groupInodes   uint32
	state, errors uint16
	firstInode    uint32
	inodeBytes    int
	groupNumber   uint16 // the group that this copy is in
	compat        uint32
	incompat      uint32
	ro            uint32
	uuid          [16]byte
	label         string
	journalUUID   [16]byte
	journalInode  uint32
	journalDev    uint32
	lastOrphan    uint32
	hashSeed      [4]uint32
	flags         uint32
	journalBackup []byte // i_block and size of the journal's inode, if they were kept
	descBytes     int
	firstMetaBG   uint32
	backupGroups  [2]uint32
	orphanInode   uint32
	checksums     uint8  // their kind: 1 is CRC-32C
	seed          uint32 // of all metadata checksums
}

func (sb *super) blockBytes() int64 { return 1 << sb.logBlock }

func (sb *super) groups() uint64 {
	return (sb.blocks - uint64(sb.firstData) + uint64(sb.groupBlocks) - 1) / uint64(sb.groupBlocks)
}

func (sb *super) hasChecksums() bool { return sb.ro&roMetadataCsum != 0 }

func text(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

var errNoSuper = errors.New("no ext2, ext3 or ext4 superblock")

// parseSuper reads a superblock and checks that its geometry is possible.
func parseSuper(b []byte) (*super, error) {
	if le.Uint16(b[0x38:]) != magicEXT {
		return nil, errNoSuper
	}
	sb := &super{
		inodes:       le.Uint32(b[0:]),
		blocks:       uint64(le.Uint32(b[4:])),
		firstData:    le.Uint32(b[0x14:]),
		logBlock:     uint(le.Uint32(b[0x18:])),
		logCluster:   uint(le.Uint32(b[0x1c:])),
		groupBlocks:  le.Uint32(b[0x20:]),
		groupInodes:  le.Uint32(b[0x28:]),
		state:        le.Uint16(b[0x3a:]),
		errors:       le.Uint16(b[0x3c:]),
		firstInode:   11,
		inodeBytes:   128,
		groupNumber:  le.Uint16(b[0x5a:]),
		compat:       le.Uint32(b[0x5c:]),
		incompat:     le.Uint32(b[0x60:]),
		ro:           le.Uint32(b[0x64:]),
		uuid:         [16]byte(b[0x68:]),
		label:        text(b[0x78:0x88]),
		journalUUID:  [16]byte(b[0xd0:]),
		journalInode: le.Uint32(b[0xe0:]),
		journalDev:   le.Uint32(b[0xe4:]),
		lastOrphan:   le.Uint32(b[0xe8:]),
		flags:        le.Uint32(b[0x160:]),
		descBytes:    32,
		firstMetaBG:  le.Uint32(b[0x104:]),
		backupGroups: [2]uint32{le.Uint32(b[0x24c:]), le.Uint32(b[0x250:])},
		orphanInode:  le.Uint32(b[0x280:]),
		checksums:    b[0x175],
	}
	for i := range sb.hashSeed {
		sb.hashSeed[i] = le.Uint32(b[0xec+4*i:])
	}
	if b[0xfd] == 1 { // EXT3_JNL_BACKUP_BLOCKS
		sb.journalBackup = append([]byte(nil), b[0x10c:0x150]...)
	}
	if le.Uint32(b[0x4c:]) > 0 { // not the first revision, whose inodes are all alike
		sb.firstInode = le.Uint32(b[0x54:])
		sb.inodeBytes = int(le.Uint16(b[0x58:]))
	} else {
		sb.compat, sb.incompat, sb.ro = 0, 0, 0
	}
	if sb.incompat&incompat64Bit != 0 {
		sb.blocks |= uint64(le.Uint32(b[0x150:])) << 32
		sb.descBytes = int(le.Uint16(b[0xfe:]))
	}
	sb.seed = crc32c(^uint32(0), sb.uuid[:])
	if sb.incompat&incompatCsumSeed != 0 {
		sb.seed = le.Uint32(b[0x270:])
	}
	return sb, sb.check()
}

// check says whether the numbers of a superblock can be those of a file system.
func (sb *super) check() error {
	bad := func(what string, args ...any) error { return corrupt("superblock", what, args...) }
	if sb.logBlock > 6 {
		return bad("a block size of 2^%d KiB", sb.logBlock)
	}
	sb.logBlock += 10
	if sb.ro&roBigalloc != 0 {
		if sb.logCluster += 10; sb.logCluster < sb.logBlock || sb.logCluster > 30 {
			return bad("a cluster size of 2^%d bytes", sb.logCluster)
		}
	} else {
		sb.logCluster = sb.logBlock
	}
	if sb.hasChecksums() && sb.checksums != 1 {
		return bad("checksums of kind %d", sb.checksums)
	}
	bs := sb.blockBytes()
	if n := sb.inodeBytes; n < 128 || int64(n) > bs || bits.OnesCount(uint(n)) != 1 {
		return bad("an inode size of %d", n)
	}
	if n := sb.descBytes; n < 32 || int64(n) > bs || bits.OnesCount(uint(n)) != 1 ||
		sb.incompat&incompat64Bit != 0 && n < 64 {
		return bad("a group descriptor size of %d", n)
	}
	// A group's blocks have one bitmap, of bits for clusters.
	limit := uint64(bs) * 8 << (sb.logCluster - sb.logBlock)
	if sb.groupBlocks == 0 || uint64(sb.groupBlocks) > limit {
		return bad("%d blocks in a group", sb.groupBlocks)
	}
	if sb.groupInodes == 0 || int64(sb.groupInodes) > bs*8 {
		return bad("%d inodes in a group", sb.groupInodes)
	}
	if sb.blocks > 1<<48 || sb.blocks > 1<<62>>sb.logBlock || uint64(sb.firstData) >= sb.blocks ||
		sb.firstData > 1 {
		return bad("%d blocks, the first of them %d", sb.blocks, sb.firstData)
	}
	if g := sb.groups(); g > 1<<32-1 || uint64(sb.inodes) > g*uint64(sb.groupInodes) ||
		sb.inodes < 11 {
		return bad("%d inodes in %d groups", sb.inodes, g)
	}
	return nil
}

// superChecksum says whether the checksum of a superblock is right, or that it has none.
func superChecksum(b []byte) bool {
	if le.Uint32(b[0x64:])&roMetadataCsum == 0 || le.Uint32(b[0x4c:]) == 0 {
		return true
	}
	return crc32c(^uint32(0), b[:0x3fc]) == le.Uint32(b[0x3fc:])
}

// superAt reads the superblock at an offset.
func superAt(d *reading.Disk, off int64) (*super, bool, error) {
	b := make([]byte, superBytes)
	if err := d.Read(b, off); err != nil {
		return nil, false, err
	}
	sb, err := parseSuper(b)
	if err != nil {
		return nil, false, err
	}
	return sb, superChecksum(b), nil
}
