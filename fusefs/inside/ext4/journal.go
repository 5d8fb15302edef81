package ext4

import (
	"errors"
	"fmt"
)

// The journal's format (include/linux/jbd2.h). Its numbers are big-endian.
const (
	journalMagic = 0xc03b3998

	blockDescriptor = 1
	blockCommit     = 2
	blockSuperV1    = 3
	blockSuperV2    = 4
	blockRevoke     = 5

	journalCompatChecksum = 0x1

	journalRevoke     = 0x1
	journal64Bit      = 0x2
	journalAsync      = 0x4
	journalCsumV2     = 0x8
	journalCsumV3     = 0x10
	journalFastCommit = 0x20
	journalKnown      = 0x3f

	fastCommitBlocks = 256 // if the superblock does not say
	minJournalBlocks = 1024
)

// journal is the journal of a file system, in one of its inodes.
type journal struct {
	f      *FS
	in     *inode
	at     cursor
	seed   uint32 // of its checksums
	compat uint32
	incomp uint32

	blocks   uint32 // in all
	first    uint32 // of the log
	last     uint32 // the first block behind the log
	start    uint32 // where the oldest transaction begins; 0: the log is empty
	sequence uint32 // its number

	ahead     []byte // blocks that were read together
	aheadFrom uint32
}

const aheadBytes = 256 << 10

func (j *journal) has(incompat uint32) bool { return j.incomp&incompat != 0 }
func (j *journal) hasChecksums() bool       { return j.has(journalCsumV2 | journalCsumV3) }

// disk returns the block of the file system that a block of the journal is, and
// how many follow it.
func (j *journal) disk(block uint32) (uint64, uint64, error) {
	r, err := j.f.runAt(j.in, uint64(block), &j.at)
	if err != nil {
		return 0, 0, err
	}
	if !r.data {
		return 0, 0, corrupt("journal", "block %d of it is a hole", block)
	}
	return r.disk, r.to - r.from, nil
}

// block returns a block of the journal, until the next call.
func (j *journal) block(n uint32) ([]byte, error) {
	if n >= j.blocks {
		return nil, corrupt("journal", "block %d is beyond its %d blocks", n, j.blocks)
	}
	bs := uint64(j.f.bs)
	if at := uint64(n-j.aheadFrom) * bs; n >= j.aheadFrom && at < uint64(len(j.ahead)) {
		return j.ahead[at:][:bs], nil
	}
	disk, follow, err := j.disk(n)
	if err != nil {
		return nil, err
	}
	count := min(follow, uint64(j.blocks-n), max(1, aheadBytes/bs))
	j.aheadFrom, j.ahead = n, append(j.ahead[:0], make([]byte, count*bs)...)
	if err = j.f.dev.Read(j.ahead, int64(disk*bs)); err != nil && count > 1 {
		j.ahead = j.ahead[:bs] // what is behind it may be what cannot be read
		err = j.f.dev.Read(j.ahead, int64(disk*bs))
	}
	if err != nil {
		j.ahead = nil
		return nil, fmt.Errorf("read block %d of the journal: %w", n, err)
	}
	return j.ahead[:bs], nil
}

var errExternalJournal = errors.New("the journal is on another device")

// openJournal finds the journal and reads its superblock.
func (f *FS) openJournal() (*journal, error) {
	if f.sb.journalInode == 0 {
		return nil, fmt.Errorf("%w, whose UUID is %x", errExternalJournal, f.sb.journalUUID)
	}
	in, err := f.inode(uint64(f.sb.journalInode))
	if err == nil && in.kind() != typeRegular {
		err = corrupt("journal", "its inode is no regular file")
	}
	j, first := f.journalIn(in, err)
	if first == nil {
		return j, nil
	}
	if b := f.sb.journalBackup; b != nil {
		if j, err := f.journalIn(f.backupJournal(b), nil); err == nil {
			f.note("the journal was found by its copy in the superblock: its inode cannot "+
				"be used: %v", first)
			return j, nil
		}
	}
	return nil, first
}

// backupJournal makes an inode of the journal of what the superblock keeps of it.
func (f *FS) backupJournal(b []byte) *inode {
	in := &inode{ino: journalInode, raw: make([]byte, 128), mode: typeRegular | 0o600}
	copy(in.raw[40:], b[:mapBytes])
	if le.Uint16(b) == extentMagic {
		in.flags = flagExtents
	}
	in.size = int64(le.Uint32(b[mapBytes:]))<<32 | int64(le.Uint32(b[mapBytes+4:]))
	in.size = max(in.size, 0)
	in.seed = crc32cNumber(crc32cNumber(f.sb.seed, journalInode), 0)
	return in
}

// journalIn reads the superblock of the journal in an inode.
func (f *FS) journalIn(in *inode, err error) (*journal, error) {
	if err != nil {
		return nil, err
	}
	j := &journal{f: f, in: in, blocks: uint32(min(in.size>>f.sb.logBlock, 1<<32-1))}
	b, err := j.block(0)
	if err != nil {
		return nil, err
	}
	bad := func(what string, args ...any) (*journal, error) {
		return nil, corrupt("superblock of the journal", what, args...)
	}
	kind := be.Uint32(b[4:])
	switch {
	case be.Uint32(b) != journalMagic || kind != blockSuperV1 && kind != blockSuperV2:
		return bad("there is none")
	case int64(be.Uint32(b[12:])) != f.bs:
		return bad("its blocks have %d bytes", be.Uint32(b[12:]))
	case be.Uint32(b[16:]) > j.blocks || uint64(be.Uint32(b[16:])) > f.there():
		return bad("%d blocks, of which %d are there", be.Uint32(b[16:]), j.blocks)
	}
	j.blocks, j.first = be.Uint32(b[16:]), be.Uint32(b[20:])
	j.sequence, j.start = be.Uint32(b[24:]), be.Uint32(b[28:])
	j.last = j.blocks
	if kind == blockSuperV2 {
		j.compat, j.incomp = be.Uint32(b[0x24:]), be.Uint32(b[0x28:])
	}
	if other := j.incomp &^ journalKnown; other != 0 {
		return nil, fmt.Errorf("%w: the journal has features %#x", ErrUnsupported, other)
	}
	j.seed = crc32c(^uint32(0), b[0x30:0x40])
	if j.hasChecksums() {
		c := crc32c(crc32c(crc32c(^uint32(0), b[:0xfc]), zeros[:]), b[0x100:superBytes])
		if c != be.Uint32(b[0xfc:]) || b[0x50] != 4 {
			return bad("its checksum is wrong")
		}
	}
	if j.has(journalFastCommit) {
		n := be.Uint32(b[0x54:])
		if n == 0 {
			n = fastCommitBlocks
		}
		if n < j.blocks && j.blocks-n >= minJournalBlocks {
			j.last = j.blocks - n
		}
	}
	if j.first < 1 || j.first >= j.last ||
		j.start != 0 && (j.start < j.first || j.start >= j.last) {
		return bad("the log has the blocks %d to %d and begins at %d", j.first, j.last, j.start)
	}
	return j, nil
}

// after returns the block of the log behind one.
func (j *journal) after(n uint32) uint32 {
	if n++; n >= j.last {
		n = j.first
	}
	return n
}
