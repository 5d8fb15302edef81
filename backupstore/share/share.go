// Package share is the read-only view of the place where Cinder put its
// backups: directories and regular files below one root.
//
// It owns how bytes are reached and nothing of what they mean. Whatever the
// share holds, nothing outside its root is ever opened, no symbolic link is
// followed out of it, no device or FIFO is opened, and nothing is written.
// Every call honours its context, also while the kernel waits for a dead NFS
// server: the call returns, the kernel's read is left to finish alone.
package share

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// Share is a tree of directories and regular files. Names are slash-separated
// paths relative to the root, "." is the root itself. Implementations are safe
// for concurrent use.
type Share interface {
	// ReadDir lists a directory in no particular order.
	ReadDir(ctx context.Context, dir string) ([]Entry, error)
	// Open opens a regular file. Anything else is an error: fs.ErrNotExist,
	// ErrNotRegular, or what the system said.
	Open(ctx context.Context, name string) (File, error)
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
	Close() error
}

// Entry is one name in a directory, as it is, links not followed.
type Entry struct {
	Name    string
	Mode    fs.FileMode // type bits only
	Size    int64       // bytes, of a regular file
	ModTime time.Time
}

// ErrNotRegular is returned for names that are no regular files: directories,
// symbolic links, FIFOs, devices.
var ErrNotRegular = errors.New("not a regular file")
