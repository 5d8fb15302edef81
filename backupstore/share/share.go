// Package share is a read-only view of the place where Cinder puts its backups: directories and
// regular files below one root.
//
// It owns how bytes are reached, not what they mean. Whatever the share holds, nothing outside its
// root is ever opened, no symbolic link is followed out of it, no device or FIFO is opened, and
// nothing is written. Hazard: as others write to the share, a name that was a regular file a moment
// ago may be something else now, so every open is confined and checked by itself. Every call
// honours its context, even while the kernel waits for a dead NFS server: the call returns, and the
// kernel's read finishes in a goroutine of its own.
package share

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"
)

// Share is a tree of directories and regular files. Names are slash-separated
// paths relative to the root, "." is the root itself. Implementations are safe
// for concurrent use.
type Share interface {
	// ReadDir lists a directory in no particular order: its subdirectories, other names for which
	// want returns true, and symbolic links that may lead to a directory outside the share (not
	// all, if there are very many). Other names are skipped and take no memory: a directory may
	// hold a million files of other programs. own is the directory's stamp before it was listed.
	ReadDir(ctx context.Context, dir string, want func(name string) bool) (entries []Entry,
		own Stamp, err error)
	// Look returns the stamps of a directory and of files in it, by their names, without listing
	// it. A name that is not there, or is no regular file, has the zero Stamp. The error is about
	// the directory.
	Look(ctx context.Context, dir string, files []string) (own Stamp, of []Stamp, err error)
	// Open opens a regular file. The error is fs.ErrNotExist, ErrNotRegular, or the system's.
	Open(ctx context.Context, name string) (File, error)
	// Successor opens the directory that the share's path names now, if that differs from the open
	// one or the open one has become stale: the export was mounted again. It returns nil if nothing
	// has changed. The result must be closed or passed to Become.
	Successor(ctx context.Context) (Share, error)
	// Become switches to next's root; next must not be used again. Calls under way finish with the
	// old root, and open files stay usable.
	Become(next Share)
	// Waiting is how long the server has not answered, 0 if it does. The first few seconds do not
	// count.
	Waiting() time.Duration
	// String says where the share is, for messages.
	String() string
	// Close releases the share. Files opened from it stay usable.
	Close() error
}

// File is an open regular file of a share. It is safe for concurrent use.
type File interface {
	// ReadAt is io.ReaderAt with a context.
	ReadAt(ctx context.Context, p []byte, off int64) (n int, err error)
	// Size is the size in bytes when the file was opened.
	Size() int64
	// ModTime is the modification time when the file was opened.
	ModTime() time.Time
	// Stamp asks the server for the present stamp of the open file.
	Stamp(ctx context.Context) (Stamp, error)
	// Close waits neither for a server that does not answer nor for a ReadAt whose context has
	// ended.
	Close() error
}

// Stamp changes when a file is replaced or its bytes change: equal stamps mean the same file with
// the same bytes. The change time detects a write after which the modification time was set back. A
// second write within one tick of the server's clock is not detected.
//
// The stamp of a directory changes when a name in it comes, goes, or becomes another file's; not
// when one of its files is written. It is zero where a file system is not known to keep to that.
type Stamp struct {
	Device, Inode     uint64
	Size              int64  // bytes
	Modified, Changed int64  // mtime and ctime, Unix nanoseconds
	Change            uint64 // what an NFS 4 server counts a file's changes by, 0 if unknown
}

// Entry is one name in a directory. Links are not followed.
type Entry struct {
	Name    string
	Mode    fs.FileMode // type bits only
	Size    int64       // bytes, of a regular file
	ModTime time.Time   // zero for a directory
	Stamp   Stamp       // of a file; of a directory zero if listing it has not told
	// Err says why this name could not be looked at; Size and ModTime are then unknown. Other names
	// of the directory are not affected.
	Err error
}

// ErrStale is wrapped by errors of a file or directory that the NFS server no longer knows although
// it is open here.
const ErrStale = syscall.ESTALE

// ErrNotRegular is returned for names that are not regular files: directories, symbolic links,
// FIFOs, devices.
var ErrNotRegular = errors.New("not a regular file")
