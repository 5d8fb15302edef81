package vfat

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/restorefs/restorefs/fusefs/inside/reading"
)

var le = binary.LittleEndian

const (
	defaultCache = 2 << 20
	minCache     = 256 << 10
	slotBytes    = 32 // of an entry of a directory
	rootInode    = 1
)

// Options of [Open]; the zero value has the defaults.
type Options struct {
	// CacheBytes is what the cache of tables and directories may take, 2 MiB by
	// default and never less than 256 KiB.
	CacheBytes int64
}

// Info is what a file system says of itself.
type Info struct {
	Kind       string // "FAT12", "FAT16", "FAT32" or "exFAT"
	Label      string // as UTF-8
	UUID       string // the serial number, such as "12AB-34CD"
	BlockBytes int64  // of a cluster
	Bytes      int64  // size of the file system
	Features   []string

	// Journal is "clean", or says that it was not unmounted.
	Journal string

	Notes []string // what else an operator should know, one sentence each
}

// Attr is what the entry of a file says of it.
type Attr struct {
	Mode      uint32 // st_mode: type and permissions
	UID, GID  uint32
	Nlink     uint32
	Size      int64  // in bytes; of a directory 0
	Blocks512 int64  // what it takes, in units of 512 bytes
	Rdev      uint64 // always 0

	Atime, Mtime, Ctime time.Time
	Btime               time.Time // zero if it is not known

	Encrypted bool // always false
	Verity    bool // always false
}

// Dirent is an entry of a directory.
type Dirent struct {
	Name string // UTF-8, but for half a pair of UTF-16, which is as if it were one character
	Ino  uint64
	Type uint8 // DT_* of Linux
}

// Xattr is an extended attribute, of which there are none.
type Xattr struct {
	Name  string
	Value []byte
}

// FS is a file system that is open. It needs no closing; what it reads from must
// stay open.
type FS struct {
	dev  *reading.Blocks
	bits int // of an entry of the FAT: 12, 16, or 32; exFAT has 32 too
	ex   bool
	geometry
	info  Info // but for its notes
	notes reading.Notes
}

// geometry is where everything lies, in bytes from the start of the file system.
type geometry struct {
	fats       []int64 // the one to use first
	clusters   uint64  // their numbers are 2 to clusters+1
	cluster    int64   // bytes of one
	heap       int64   // where cluster 2 begins
	root       uint32  // the first cluster of the root; 0: see the next two
	rootOff    int64   // of a root that is no chain
	rootLength int64
	bytes      int64 // of the whole
}

// Open opens the file system that begins at offset 0 of r. size is how much of r
// there is, in bytes. The error is a [CorruptError] or one of r if it cannot be read.
func Open(r io.ReaderAt, size int64, opt Options) (*FS, error) {
	if opt.CacheBytes <= 0 {
		opt.CacheBytes = defaultCache
	}
	f := &FS{dev: reading.NewBlocks(r, size, max(opt.CacheBytes, minCache))}
	head := make([]byte, 512)
	if err := f.dev.Meta(head, 0); err != nil {
		return nil, fmt.Errorf("read the boot sector: %w", err)
	}
	open := f.openFAT
	if string(head[3:11]) == exfatName {
		open = f.openExFAT
	}
	if err := open(head); err != nil && f.openSecondExFAT() != nil && !f.openSecondFAT32(err) {
		return nil, err
	}
	f.info.BlockBytes, f.info.Bytes = f.cluster, f.bytes
	if f.bytes > size {
		f.note("the file system is larger than the disk: what is beyond offset %d is missing", size)
	}
	f.readLabel()
	return f, nil
}

// Root returns the number of the root directory.
func (f *FS) Root() uint64 { return rootInode }

// setSerial sets the serial number as Windows and blkid show it.
func (f *FS) setSerial(n uint32) { f.info.UUID = fmt.Sprintf("%04X-%04X", n>>16, n&0xffff) }

// setState says whether the file system was unmounted.
func (f *FS) setState(dirty bool) {
	f.info.Journal = "clean"
	if dirty {
		f.info.Journal = "there is none, and it was not unmounted"
	}
}

// Xattrs returns the extended attributes, of which there are none.
func (f *FS) Xattrs(ino uint64) ([]Xattr, error) {
	_, err := f.entry(ino)
	return nil, err
}

// Readlink returns an error: there are no symbolic links.
func (f *FS) Readlink(ino uint64) (string, error) {
	return "", fmt.Errorf("read link of %s: it is no symbolic link", entryName(ino))
}
