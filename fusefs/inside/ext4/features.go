package ext4

import (
	"fmt"
	"strings"
)

// Features of a superblock (fs/ext4/ext4.h).
const (
	compatHasJournal = 0x4
	compatDirIndex   = 0x20
	compatSparse2    = 0x200
	compatFastCommit = 0x400
	compatOrphanFile = 0x1000

	incompatFiletype   = 0x2
	incompatRecover    = 0x4
	incompatJournalDev = 0x8
	incompatMetaBG     = 0x10
	incompatExtents    = 0x40
	incompat64Bit      = 0x80
	incompatEAInode    = 0x400
	incompatCsumSeed   = 0x2000
	incompatLargeDir   = 0x4000
	incompatInlineData = 0x8000
	incompatCasefold   = 0x20000

	roSparse       = 0x1
	roHugeFile     = 0x8
	roGDTCsum      = 0x10
	roBigalloc     = 0x200
	roMetadataCsum = 0x400
	roOrphans      = 0x10000
)

// The names of features as e2fsprogs has them.
var (
	compatNames = map[uint32]string{
		0x1: "dir_prealloc", 0x2: "imagic_inodes", compatHasJournal: "has_journal", 0x8: "ext_attr",
		0x10: "resize_inode", compatDirIndex: "dir_index", 0x40: "lazy_bg", 0x100: "exclude_bitmap",
		compatSparse2: "sparse_super2", compatFastCommit: "fast_commit", 0x800: "stable_inodes",
		compatOrphanFile: "orphan_file",
	}
	incompatNames = map[uint32]string{
		0x1: "compression", incompatFiletype: "filetype", incompatRecover: "needs_recovery",
		incompatJournalDev: "journal_dev", incompatMetaBG: "meta_bg", incompatExtents: "extent",
		incompat64Bit: "64bit", 0x100: "mmp", 0x200: "flex_bg", incompatEAInode: "ea_inode",
		0x1000: "dirdata", incompatCsumSeed: "metadata_csum_seed", incompatLargeDir: "large_dir",
		incompatInlineData: "inline_data", 0x10000: "encrypt", incompatCasefold: "casefold",
	}
	roNames = map[uint32]string{
		roSparse: "sparse_super", 0x2: "large_file", 0x4: "btree_dir", roHugeFile: "huge_file",
		roGDTCsum: "uninit_bg", 0x20: "dir_nlink", 0x40: "extra_isize", 0x100: "quota",
		roBigalloc: "bigalloc", roMetadataCsum: "metadata_csum", 0x800: "replica",
		0x1000: "read-only",
		0x2000: "project", 0x4000: "shared_blocks", 0x8000: "verity", roOrphans: "orphan_present",
	}
)

// readable are the incompatible features that this package reads. Compression
// and dirdata are missing: the kernel's ext4 reads neither.
const readable = incompatFiletype | incompatRecover | incompatMetaBG | incompatExtents |
	incompat64Bit |
	0x100 | 0x200 | incompatEAInode | incompatCsumSeed | incompatLargeDir | incompatInlineData |
	0x10000 |
	incompatCasefold

// words names the bits of a set of features; unknown ones as FEATURE_<set><bit>.
func words(bits uint32, names map[uint32]string, set string) (list []string) {
	for i := range 32 {
		bit := uint32(1) << i
		if bits&bit == 0 {
			continue
		}
		name, ok := names[bit]
		if !ok {
			name = fmt.Sprintf("FEATURE_%s%d", set, i)
		}
		list = append(list, name)
	}
	return list
}

// featureWords names all features of a superblock, in the order of dumpe2fs.
func (sb *super) featureWords() []string {
	list := words(sb.compat, compatNames, "C")
	list = append(list, words(sb.incompat, incompatNames, "I")...)
	return append(list, words(sb.ro, roNames, "R")...)
}

// checkReadable refuses a file system with features that are not read.
func (sb *super) checkReadable() error {
	if sb.incompat&incompatJournalDev != 0 {
		return fmt.Errorf("%w: this is the journal of another file system, on a device of its own",
			ErrUnsupported)
	}
	if other := sb.incompat &^ readable; other != 0 {
		return fmt.Errorf("%w: the file system has the features %s", ErrUnsupported,
			strings.Join(words(other, incompatNames, "I"), ", "))
	}
	return nil
}
