package btrfs

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	defaultCache = 4 << 20
	minCache     = 1 << 20
)

// Options of [Open]; the zero value has the defaults.
type Options struct {
	// CacheBytes is what the cache of blocks of trees may take, 4 MiB by default and
	// never less than 1 MiB.
	CacheBytes int64
}

// Info is what a file system says of itself.
type Info struct {
	Kind       string // "btrfs"
	Label      string // as its bytes are
	UUID       string
	BlockBytes int64
	Bytes      int64 // size of the file system, on all its disks
	Features   []string

	// Journal is "clean" or "not replayed: why".
	Journal string

	Notes []string // what else an operator should know, one sentence each
}

// Attr is what the inode of a file says of it.
type Attr struct {
	Mode      uint32 // st_mode: type and permissions
	UID, GID  uint32
	Nlink     uint32
	Size      int64  // in bytes
	Blocks512 int64  // what it takes, in units of 512 bytes
	Rdev      uint64 // of a device file, as Linux has st_rdev

	Atime, Mtime, Ctime time.Time
	Btime               time.Time

	Encrypted bool // always false
	Verity    bool // the kernel would compare its contents with digests
}

// Dirent is an entry of a directory.
type Dirent struct {
	Name string // its bytes; not necessarily UTF-8
	Ino  uint64
	Type uint8 // DT_* of Linux; DT_UNKNOWN (0) if it is not known
}

// Xattr is an extended attribute.
type Xattr struct {
	Name  string // with its prefix
	Value []byte
}

// FS is a file system that is open. It needs no closing; what it reads from must
// stay open.
type FS struct {
	r    io.ReaderAt
	size int64
	super
	chunks []chunk // by their addresses
	info   Info

	checksums pointer // the tree of checksums
	readable  bool    // that tree could be found

	mu    sync.Mutex
	cache []cached // each address has one place

	shown      uint64 // the number of the root directory
	subMu      sync.Mutex
	subvolumes map[uint64]subvolume // some, by their numbers
}

// Open opens the file system that begins at offset 0 of r. size is how much of r
// there is, in bytes. The error is [ErrUnsupported] (errors.Is) if the file system has
// features that are not read here, a [CorruptError], or one of r.
func Open(r io.ReaderAt, size int64, opt Options) (*FS, error) {
	if opt.CacheBytes <= 0 {
		opt.CacheBytes = defaultCache
	}
	f := &FS{r: r, size: size, subvolumes: map[uint64]subvolume{}}
	if err := f.readSuper(); err != nil {
		return nil, err
	}
	f.cache = make([]cached, max(opt.CacheBytes, minCache)/f.super.node)
	if err := f.readChunks(); err != nil {
		return nil, err
	}
	if err := f.openRoot(); err != nil {
		return nil, err
	}
	tree, err := f.rootItem(checksumTree)
	if f.checksums, f.readable = tree.root, err == nil; err != nil {
		f.note("the checksums of files cannot be read (%v): contents are not compared with them",
			err)
	}
	f.tell()
	return f, nil
}

// tell fills in what the file system says of itself.
func (f *FS) tell() {
	u := f.super.uuid
	f.info.Kind, f.info.Label, f.info.BlockBytes = "btrfs", f.label, f.sector
	f.info.UUID = fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
	f.info.Bytes = int64(min(f.bytes, 1<<62))
	f.info.Features = []string{"checksums of " + f.checksum.name}
	f.info.Journal = "clean"
	if f.logRoot != 0 {
		f.info.Journal = "not replayed: what was synced file by file after the last commit, " +
			"half a minute before at most, is as it was then"
	}
	if f.devices > 1 {
		f.note("it is spread over %d disks, of which this is one: files on the others are errors",
			f.devices)
	}
}

func (f *FS) note(format string, args ...any) {
	f.info.Notes = append(f.info.Notes, fmt.Sprintf(format, args...))
}

// Info returns what the file system says of itself.
func (f *FS) Info() Info { return f.info }

// Root returns the number of the root directory.
func (f *FS) Root() uint64 { return f.shown }
