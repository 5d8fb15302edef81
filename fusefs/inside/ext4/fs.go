package ext4

import (
	"encoding/hex"
	"io"

	"github.com/restorefs/restorefs/fusefs/inside/reading"
)

const (
	defaultCache   = 4 << 20
	defaultJournal = 16 << 20
	minCacheBlocks = 16
)

// Options of [Open]; the zero value has the defaults.
type Options struct {
	// CacheBytes is what the cache of metadata blocks may take, 4 MiB by default.
	// It is never less than 16 blocks, of up to 64 KiB.
	CacheBytes int64

	// JournalBytes is what the table of blocks that the journal replaces may take,
	// 16 MiB by default: enough for 680,000 blocks, or 2.6 GiB of journal with
	// blocks of 4 KiB. While it is made, twice that is used. What needs more is
	// not replayed, and Info says so.
	JournalBytes int64

	// NoReplay leaves the journal alone: what is read is then older than what was
	// on the disk, and may contradict itself.
	NoReplay bool
}

// Info is what a file system says of itself.
type Info struct {
	Kind       string // "ext2", "ext3" or "ext4"
	Label      string // as its bytes are
	UUID       string
	BlockBytes int64
	Bytes      int64    // size of the file system
	Features   []string // as e2fsprogs names them

	// Journal is "clean", "replayed to commit N" or "not replayed: why". A file
	// system without a journal is "clean" if it was unmounted.
	Journal string

	Notes []string // what else an operator should know, one sentence each
}

// FS is a file system that is open. It needs no closing; what it reads from must
// stay open.
type FS struct {
	dev      *reading.Disk
	sb       *super
	bs       int64
	cache    *blockCache
	replaced replacements
	fast     *fastCommits
	info     Info // but for its notes
	notes    reading.Notes
}

// Open opens the file system that begins at offset 0 of r and replays its
// journal in memory. size is how much of r there is, in bytes. The error is
// [ErrUnsupported] (errors.Is) if the file system has features that are not
// read, and a [CorruptError] or one of r if it cannot be read.
func Open(r io.ReaderAt, size int64, opt Options) (*FS, error) {
	if opt.CacheBytes <= 0 {
		opt.CacheBytes = defaultCache
	}
	if opt.JournalBytes <= 0 {
		opt.JournalBytes = defaultJournal
	}
	f := &FS{dev: &reading.Disk{R: r, Size: size}, fast: &fastCommits{}}
	sb, notes, err := findSuper(f.dev)
	if err != nil {
		return nil, err
	}
	if err := sb.checkReadable(); err != nil {
		return nil, err
	}
	f.use(sb)
	f.cache = newCache(max(minCacheBlocks, int(opt.CacheBytes>>sb.logBlock)))
	f.notes.Set(notes)
	f.replay(opt)
	f.describe()
	return f, nil
}

func (f *FS) use(sb *super) { f.sb, f.bs = sb, sb.blockBytes() }

// there returns how many blocks are both in the file system and on the disk: no
// directory or journal has more, nor is more walked over in one step.
func (f *FS) there() uint64 { return min(f.sb.blocks, uint64(f.dev.Size)>>f.sb.logBlock) }

// describe fills in what Info returns.
func (f *FS) describe() {
	sb, i := f.sb, &f.info
	i.Kind = sb.kind()
	i.Label = sb.label
	h := hex.EncodeToString(sb.uuid[:])
	i.UUID = h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
	i.BlockBytes = f.bs
	i.Bytes = int64(sb.blocks) << sb.logBlock
	i.Features = sb.featureWords()
	if i.Bytes > f.dev.Size {
		f.note("the file system is larger than the disk: what is beyond offset %d is missing",
			f.dev.Size)
	}
	if sb.state&stateErrors != 0 {
		f.note("the kernel has noticed errors in this file system: e2fsck was due")
	}
	f.noteOrphans()
}

// States of a superblock.
const (
	stateClean  = 1
	stateErrors = 2
)

// kind names the file system as blkid does.
func (sb *super) kind() string {
	const ext4Only = incompatExtents | incompat64Bit | incompatMetaBG | 0x200 | incompatEAInode |
		incompatInlineData |
		incompatLargeDir | incompatCsumSeed | incompatCasefold | 0x10000 | 0x100
	switch {
	case sb.incompat&ext4Only != 0 ||
		sb.ro&(roHugeFile|roGDTCsum|0x20|0x40|roBigalloc|roMetadataCsum) != 0:
		return "ext4"
	case sb.compat&compatHasJournal != 0:
		return "ext3"
	}
	return "ext2"
}

// Root returns the inode of the root directory.
func (f *FS) Root() uint64 { return rootInode }
