package xfs

import (
	"encoding/hex"
	"errors"
)

const (
	superMagic = 0x58465342 // "XFSB"
	superBytes = 272        // what is read of it; its checksum is that of a whole sector
)

// super is what is used of a superblock.
type super struct {
	blocks      uint64 // of the data section
	uuid        [16]byte
	metaUUID    [16]byte // what metadata is marked with
	logStart    uint64   // as XFS numbers blocks; 0: on another device
	logBlocks   uint32
	root        uint64
	groupBlocks uint32
	groups      uint32
	version     uint32
	sectorBytes int
	label       string
	logBlock    uint // block size is 1 << logBlock
	logInode    uint
	logPerBlock uint // inodes in a block are 1 << logPerBlock
	logGroup    uint // bits of a block number within its group
	logDirBlock uint // blocks in a block of a directory are 1 << logDirBlock
	unfinished  bool // mkfs was not done
	realtime    uint64
	quotas      [3]uint64 // inodes of quotas
	rtInodes    [2]uint64 // inodes of the realtime device
	logSector   int       // bytes
	logUnit     uint32    // bytes that log writes are padded to; 0 or 1: none
	more2       uint32
	compat      uint32
	ro          uint32
	incompat    uint32
	logIncompat uint32
	lsn         uint64 // when it was written
}

func (sb *super) v5() bool { return sb.version&versionMask == 5 }

func (sb *super) hasFType() bool {
	if sb.v5() {
		return sb.incompat&incompatFType != 0
	}
	return sb.version&versionMore != 0 && sb.more2&more2FType != 0
}

// ignoresCase says whether directories find names whatever the case of ASCII letters.
func (sb *super) ignoresCase() bool { return sb.version&versionCI != 0 }

func (sb *super) blockBytes() int64   { return 1 << sb.logBlock }
func (sb *super) inodeBytes() int     { return 1 << sb.logInode }
func (sb *super) dirBlockBytes() int  { return 1 << (sb.logBlock + sb.logDirBlock) }
func (sb *super) logInodeGroup() uint { return sb.logGroup + sb.logPerBlock }

// groupLen returns how many blocks a group has: the last one may have fewer.
func (sb *super) groupLen(g uint64) uint64 {
	if g+1 < uint64(sb.groups) {
		return uint64(sb.groupBlocks)
	}
	return sb.blocks - g*uint64(sb.groupBlocks)
}

func text(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

var errNoSuper = errors.New("no XFS superblock")

// parseSuper reads a superblock and checks that its geometry is possible.
func parseSuper(b []byte) (*super, error) {
	if be.Uint32(b) != superMagic {
		return nil, errNoSuper
	}
	sb := &super{
		blocks: be.Uint64(b[8:]), uuid: [16]byte(b[32:]), metaUUID: [16]byte(b[32:]),
		logStart: be.Uint64(b[48:]), logBlocks: be.Uint32(b[96:]),
		root: be.Uint64(b[56:]), rtInodes: [2]uint64{be.Uint64(b[64:]), be.Uint64(b[72:])},
		groupBlocks: be.Uint32(b[84:]), groups: be.Uint32(b[88:]),
		version: uint32(be.Uint16(b[100:])), sectorBytes: int(be.Uint16(b[102:])),
		label:    text(b[108:120]),
		logBlock: uint(b[120]), logInode: uint(b[122]), logPerBlock: uint(b[123]),
		logGroup:    uint(b[124]),
		logDirBlock: uint(b[192]), unfinished: b[126] != 0, realtime: be.Uint64(b[16:]),
		quotas:    [3]uint64{be.Uint64(b[160:]), be.Uint64(b[168:]), 0},
		logSector: int(be.Uint16(b[194:])), logUnit: be.Uint32(b[196:]),
	}
	if sb.version&versionMore != 0 || sb.v5() {
		sb.more2 = be.Uint32(b[200:]) | be.Uint32(b[204:]) // old kernels wrote the second one
	}
	if sb.v5() {
		sb.compat, sb.ro = be.Uint32(b[208:]), be.Uint32(b[212:])
		sb.incompat, sb.logIncompat = be.Uint32(b[216:]), be.Uint32(b[220:])
		sb.quotas[2], sb.lsn = be.Uint64(b[232:]), be.Uint64(b[240:])
		if sb.incompat&incompatMetaUUID != 0 {
			sb.metaUUID = [16]byte(b[248:])
		}
	}
	return sb, sb.check(be.Uint32(b[4:]), be.Uint16(b[104:]))
}

// check says whether the numbers of a superblock can be those of a file system.
// It is given the sizes that are stored besides their logarithms.
func (sb *super) check(blockBytes uint32, inodeBytes uint16) error {
	bad := func(what string, args ...any) error { return corrupt("superblock", what, args...) }
	if sb.logBlock < 9 || sb.logBlock > 16 || blockBytes != 1<<sb.logBlock {
		return bad("a block size of %d, or of 2^%d", blockBytes, sb.logBlock)
	}
	if n := sb.sectorBytes; n < 512 || n > 1<<15 || n&(n-1) != 0 || int64(n) > sb.blockBytes() {
		return bad("a sector size of %d", n)
	}
	if sb.logInode < 8 || sb.logInode > 11 || inodeBytes != 1<<sb.logInode ||
		sb.logPerBlock+sb.logInode != sb.logBlock || sb.v5() && sb.logInode < 9 {
		return bad("an inode size of %d, or of 2^%d", inodeBytes, sb.logInode)
	}
	return sb.checkGroups()
}

// checkGroups is check of what blocks are put together to.
func (sb *super) checkGroups() error {
	bad := func(what string, args ...any) error { return corrupt("superblock", what, args...) }
	if sb.logDirBlock+sb.logBlock > 16 {
		return bad("directory blocks of 2^%d blocks", sb.logDirBlock)
	}
	if n := uint64(sb.groupBlocks); sb.logGroup > 31 || n > 1<<sb.logGroup ||
		n < 1<<sb.logGroup>>1 ||
		n < 8 {
		return bad("groups of %d blocks, or of up to 2^%d", n, sb.logGroup)
	}
	if sb.blocks > 1<<62>>sb.logBlock || sb.groups == 0 ||
		sb.blocks > uint64(sb.groups)*uint64(sb.groupBlocks) ||
		sb.blocks <= uint64(sb.groups-1)*uint64(sb.groupBlocks) {
		return bad("%d blocks in %d groups", sb.blocks, sb.groups)
	}
	if sb.unfinished {
		return bad("mkfs.xfs has not finished it")
	}
	return nil
}

const superCRC = 224

func uuidString(u [16]byte) string {
	h := hex.EncodeToString(u[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
