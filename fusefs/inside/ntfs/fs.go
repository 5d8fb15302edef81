package ntfs

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/restorefs/restorefs/fusefs/inside/reading"
)

var le = binary.LittleEndian

const (
	defaultCache = 2 << 20
	minCache     = 256 << 10
	sectorBytes  = 512
	maxBytes     = int64(1) << 62
)

// Numbers of records that all volumes have.
const (
	recordMFT     = 0
	recordLog     = 2
	recordVolume  = 3
	recordRoot    = 5
	recordFirst   = 16 // of those that are no system files
	mirrored      = 4  // records that have a copy
	numberBits    = 48 // of a record
	maxStreamNo   = 1<<16 - 2
	recordNumbers = 1<<numberBits - 1
)

// Options of [Open]; the zero value has the defaults.
type Options struct {
	// CacheBytes is what the cache of the MFT and of directories may take, 2 MiB by
	// default and never less than 256 KiB.
	CacheBytes int64
}

// Info is what a file system says of itself.
type Info struct {
	Kind       string // "NTFS"
	Label      string // as UTF-8
	UUID       string // the serial number, as 16 digits
	BlockBytes int64  // of a cluster
	Bytes      int64  // size of the file system
	Features   []string

	// Journal is "clean" or "not replayed: why".
	Journal string

	Notes []string // what else an operator should know, one sentence each
}

// Attr is what the record of a file says of it.
type Attr struct {
	Mode      uint32 // st_mode: type and permissions
	UID, GID  uint32
	Nlink     uint32 // without the short names that Windows adds
	Size      int64  // in bytes; of a directory 0
	Blocks512 int64  // what it takes, in units of 512 bytes
	Rdev      uint64 // always 0

	Atime, Mtime, Ctime time.Time
	Btime               time.Time

	Encrypted bool // its contents cannot be read
	Verity    bool // always false
}

// Dirent is an entry of a directory.
type Dirent struct {
	Name string // UTF-8, but for half a pair of UTF-16, which is as if it were one character
	Ino  uint64
	Type uint8 // DT_* of Linux; DT_UNKNOWN (0) if only its record tells
}

// Xattr is a stream of a file that is small enough for an extended attribute, as ntfs-3g
// shows it: "user." and the name of the stream.
type Xattr struct {
	Name  string
	Value []byte
}

// FS is a file system that is open. It needs no closing; what it reads from must
// stay open.
type FS struct {
	dev *reading.Blocks
	geometry
	mftRuns  []run
	mftSize  int64
	capitals atomic.Pointer[upcase] // nil: not read yet
	info     Info
}

// Open opens the file system that begins at offset 0 of r. size is how much of r
// there is, in bytes. The error is a [CorruptError] or one of r if it cannot be read.
func Open(r io.ReaderAt, size int64, opt Options) (*FS, error) {
	if opt.CacheBytes <= 0 {
		opt.CacheBytes = defaultCache
	}
	f := &FS{dev: reading.NewBlocks(r, size, max(opt.CacheBytes, minCache))}
	if err := f.readBoot(); err != nil {
		return nil, err
	}
	if err := f.openMFT(); err != nil {
		return nil, err
	}
	if root, err := f.inode(recordRoot); err != nil {
		return nil, fmt.Errorf("read the root directory: %w", err)
	} else if !root.isDir() {
		return nil, corrupt(recordName(recordRoot), "the root is no directory")
	}
	f.info.Kind, f.info.BlockBytes, f.info.Bytes = "NTFS", f.cluster, f.bytes
	f.info.UUID = fmt.Sprintf("%016X", f.serial)
	if f.bytes > size {
		f.note("the file system is larger than the disk: what is beyond offset %d is missing", size)
	}
	f.readVolume()
	return f, nil
}

func (f *FS) note(format string, args ...any) {
	f.info.Notes = append(f.info.Notes, fmt.Sprintf(format, args...))
}

// Info returns what the file system says of itself.
func (f *FS) Info() Info { return f.info }

// Root returns the number of the root directory.
func (f *FS) Root() uint64 { return recordRoot }
