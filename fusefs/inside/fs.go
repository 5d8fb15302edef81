package inside

import (
	"io"
	"time"
)

// FS is a file system that is open. Files are named by their inodes, and names
// are bytes. It needs no closing; what it reads from must stay open. Package
// ext4 says more of each method, and all readers do the same.
type FS interface {
	Info() Info
	Root() uint64

	// Lookup returns the inode of a name; the error is fs.ErrNotExist (errors.Is)
	// if the directory has none.
	Lookup(dir uint64, name string) (uint64, error)

	// ReadDir calls fn for each entry, without "." and "..". An error of fn ends
	// it and is returned. What can be read of a damaged directory is given to fn
	// before the error is returned.
	ReadDir(ino uint64, fn func(Dirent) error) error

	Stat(ino uint64) (Attr, error)
	Readlink(ino uint64) (string, error)
	Xattrs(ino uint64) ([]Xattr, error)
	Open(ino uint64) (File, error)
}

// File is the contents of a regular file.
type File interface {
	io.ReaderAt
	Size() int64

	// NextData returns the next data at an offset or behind it; io.EOF if there is
	// none. What lies between is zeros that take no room.
	NextData(off int64) (begin, end int64, err error)
}

// Attr is what a file system says of a file.
type Attr struct {
	Mode      uint32 // st_mode: type and permissions
	UID, GID  uint32
	Nlink     uint32
	Size      int64  // in bytes
	Blocks512 int64  // what it takes, in units of 512 bytes
	Rdev      uint64 // of a device file, as Linux has st_rdev

	Atime, Mtime, Ctime time.Time
	Btime               time.Time // zero if the file system does not keep it

	Encrypted bool // neither names in it nor its contents can be read
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
	Name  string // with its prefix, as listxattr gives it
	Value []byte
}

// Info is what a file system says of itself.
type Info struct {
	Kind       string
	Label      string // as its bytes are
	UUID       string
	BlockBytes int64
	Bytes      int64 // size of the file system
	Features   []string

	// Journal is "clean", "replayed to commit N" or "not replayed: why".
	Journal string

	Notes []string // what else an operator should know, one sentence each
}
