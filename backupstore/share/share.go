// Package share is the read-only view of the place where Cinder put its
// backups: directories and regular files below one root.
//
// It owns how bytes are reached and nothing of what they mean. Whatever the
// share holds, nothing outside its root is ever opened, no symbolic link is
// followed out of it, no device or FIFO is opened, and nothing is written.
// Hazard: that a name was a regular file a moment ago proves nothing, on a
// share that others write to; so every open is confined and checked by itself.
// Every call honours its context, also while the kernel waits for a dead NFS
// server: the call returns, the kernel's read is left to finish alone.
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
	// ReadDir lists a directory in no particular order: its subdirectories, those
	// of its other names that want wants, and symbolic links that may lead to a
	// directory outside the share, some of them if there are very many. The rest
	// is passed over at no cost in memory: a directory may hold a million files of
	// somebody else.
	ReadDir(ctx context.Context, dir string, want func(name string) bool) ([]Entry, error)
	// Open opens a regular file. Anything else is an error: fs.ErrNotExist,
	// ErrNotRegular, or what the system said.
	Open(ctx context.Context, name string) (File, error)
	// Successor opens what the share's path names now if that is another directory
	// than the one that is open, or the one that is open has become stale: an export
	// was mounted again. It is nil where nothing has changed, and to be closed or
	// handed to Become.
	Successor(ctx context.Context) (Share, error)
	// Become makes this Share be what next is, which is used up. Calls under way
	// finish as they were; open files stay what they are.
	Become(next Share)
	// Waiting is for how long its server has not answered; 0: it does. It says so
	// after the first few seconds only.
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
	// Size is the size in bytes at the time it was opened.
	Size() int64
	// ModTime is the modification time at the time it was opened.
	ModTime() time.Time
	// Stamp is what the open file is like now, by the server's word.
	Stamp(ctx context.Context) (Stamp, error)
	// Close does not wait for a server that is away, nor for a ReadAt that was
	// left behind.
	Close() error
}

// Stamp changes when a file is replaced, or its bytes are changed: two that are
// equal are of one file with the same bytes. The change time is what notices a
// write after which the modification time was set back. What it cannot notice is
// a second write within one tick of the server's clock.
type Stamp struct {
	Device, Inode     uint64
	Size              int64 // bytes
	Modified, Changed int64 // mtime and ctime, Unix nanoseconds
}

// Entry is one name in a directory, as it is, links not followed.
type Entry struct {
	Name    string
	Mode    fs.FileMode // type bits only
	Size    int64       // bytes, of a regular file
	ModTime time.Time   // not of a directory
	// Err is why this name could not be looked at; Size and ModTime are then
	// unknown. The others of the directory are good.
	Err error
}

// ErrStale is what errors.Is finds when an NFS server does not know a file or a
// directory any more that the client has a handle of.
const ErrStale = syscall.ESTALE

// ErrNotRegular is returned for names that are no regular files: directories,
// symbolic links, FIFOs, devices.
var ErrNotRegular = errors.New("not a regular file")
