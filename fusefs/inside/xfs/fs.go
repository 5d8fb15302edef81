package xfs

import (
	"fmt"
	"io"

	"github.com/restorefs/restorefs/fusefs/inside/reading"
)

const (
	defaultCache   = 4 << 20
	defaultJournal = 40 << 20
	minCache       = 256 << 10
)

// Options of [Open]; the zero value has the defaults.
type Options struct {
	// CacheBytes is what the cache of metadata blocks may take, 4 MiB by default
	// and never less than 256 KiB.
	CacheBytes int64

	// JournalBytes is what the replay of the log may keep in memory, 40 MiB by
	// default: enough for about 130,000 inodes that are changed. A log that needs
	// more is not replayed, and the file system is not opened.
	JournalBytes int64

	// NoReplay leaves the log alone: what is read is then older than what was on
	// the disk, and may contradict itself.
	NoReplay bool
}

// Info is what a file system says of itself.
type Info struct {
	Kind       string // "xfs"
	Label      string // as its bytes are
	UUID       string
	BlockBytes int64
	Bytes      int64    // size of the file system
	Features   []string // as mkfs.xfs names them

	// Journal is "clean", "replayed to record N:N", which is the cycle of the log
	// and a sector of it, or "not replayed: why".
	Journal string

	Notes []string // what else an operator should know, one sentence each
}

// FS is a file system that is open. It needs no closing; what it reads from must
// stay open.
type FS struct {
	dev   *device
	sb    *super
	bs    int64
	cache *blockCache
	info  Info // but for its notes
	notes reading.Notes

	newest uint64 // the log is that old: its cycle and sector; 0: that is not known

	newOwner   map[uint64]bool       // inodes whose extents may still be marked as another's
	pending    map[uint64]pending    // of what was to be done with extents
	unfinished map[uint64]unfinished // what else was to be done
}

// Open opens the file system that begins at offset 0 of r and replays its log in
// memory. size is how much of r there is, in bytes. The error is
// [ErrUnsupported] (errors.Is) if the file system has features that are not
// read, [ErrLogDirty] if its log cannot be replayed, and a [CorruptError] or one
// of r if it cannot be read.
func Open(r io.ReaderAt, size int64, opt Options) (*FS, error) {
	if opt.CacheBytes <= 0 {
		opt.CacheBytes = defaultCache
	}
	if opt.JournalBytes <= 0 {
		opt.JournalBytes = defaultJournal
	}
	f := &FS{dev: &device{Disk: reading.Disk{R: r, Size: size}}}
	sb, notes, err := readSuper(f.dev)
	if err != nil {
		return nil, err
	}
	if err := sb.checkReadable(); err != nil {
		return nil, err
	}
	f.sb, f.bs = sb, sb.blockBytes()
	f.notes.Set(notes)
	f.cache = newCache(max(minCache, int(min(opt.CacheBytes, 1<<30))))
	if err := f.useLog(opt); err != nil {
		return nil, err
	}
	f.describe()
	return f, nil
}

// there returns how many blocks are both in the file system and on the disk: no
// directory or list of attributes has more.
func (f *FS) there() uint64 { return min(f.sb.blocks, uint64(f.dev.Size)>>f.sb.logBlock) }

// describe fills in what Info returns.
func (f *FS) describe() {
	sb, i := f.sb, &f.info
	i.Kind, i.Label, i.UUID = "xfs", sb.label, uuidString(sb.uuid)
	i.BlockBytes, i.Bytes = f.bs, int64(sb.blocks)<<sb.logBlock
	i.Features = sb.featureWords()
	if i.Bytes > f.dev.Size {
		f.note("the file system is larger than the disk: what is beyond offset %d is missing",
			f.dev.Size)
	}
	if !f.dev.replaced(0, superBytes) {
		f.checkAge(sb.lsn)
	}
	if sb.realtime > 0 {
		f.note("it has a realtime device, which is another disk: files on it cannot be read")
	}
}

// Root returns the inode of the root directory.
func (f *FS) Root() uint64 { return f.sb.root }

// groupBlock names a block as XFS does: by its group and its place in it.
func groupBlock(group, at uint64) string { return fmt.Sprintf("%d of group %d", at, group) }
