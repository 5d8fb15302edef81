// Package proto holds what the versions of NFS have in common: handles, attributes, directory
// pages, and statuses as errors.
//
// It owns the words that package nfs speaks with its versions, v3 and v4, and no wire format.
package proto

import (
	"context"
	"io/fs"

	"github.com/restorefs/restorefs/backupstore/share"
)

const (
	// MaxName bounds the length in bytes of one name. Linux and most servers allow 255.
	MaxName = 1 << 10
	// MaxPath bounds the length in bytes of a symbolic link's target.
	MaxPath = 4 << 10
	// MaxRead is the most bytes that one READ asks for. More gain nothing on any network, and each
	// READ in flight holds a buffer of this size.
	MaxRead = 1 << 20
	// MinRead is what is asked for at least, whatever a server says: it may give less.
	MinRead = 4 << 10
)

// ReadSize is how many bytes one READ asks for where a server says that it gives said at most.
func ReadSize(said uint64) int64 { return int64(max(MinRead, min(said, MaxRead))) }

// Handle names a file or directory to the server that gave it; its bytes mean nothing here.
type Handle string

// Attr are the attributes of a file or directory.
type Attr struct {
	Mode  fs.FileMode // type bits only
	Stamp share.Stamp
}

// Node is a file or directory.
type Node struct {
	Handle Handle
	Attr   Attr
}

// Entry is a name in a directory.
type Entry struct {
	Name string
	Node Node // as far as known
	// Known says that Node.Attr is known; the handle may be "" even so.
	Known bool
	// Err says why the server cannot tell the attributes.
	Err error
}

// Place is a place in a directory's listing; the zero value is its beginning.
type Place struct {
	Cookie   uint64
	Verifier [8]byte
}

// Page is a part of a directory's listing.
type Page struct {
	Entries []Entry
	Next    Place // where the next page begins
	Dir     Attr  // of the directory before it was listed, with its first page
	End     bool  // there is none
}

// Chunk is the answer to a read.
type Chunk struct {
	N     int  // bytes that were read
	EOF   bool // the file ends behind them
	Attr  Attr // of the file, when they were read
	Known bool // Attr is known
}

// Client speaks one version of NFS with one server. It is safe for concurrent use.
type Client interface {
	// Root returns the directory at path of the server.
	Root(ctx context.Context, path string) (Node, error)
	// Lookup returns what name is in a directory. Links are not followed.
	Lookup(ctx context.Context, dir Handle, name string) (Node, error)
	// Look returns the attributes of the directory that is reached from another one by names, and
	// of a file in it. The file is none if its name is "" or not there: then its attributes are
	// zero.
	Look(ctx context.Context, from Handle, names []string, file string) (dir, of Attr, err error)
	// Attr returns the present attributes.
	Attr(ctx context.Context, h Handle) (Attr, error)
	// Read reads up to len(p) bytes, MaxRead at most.
	Read(ctx context.Context, h Handle, p []byte, off int64) (Chunk, error)
	// ReadDir reads a page of a directory. "." and ".." are left out.
	ReadDir(ctx context.Context, dir Handle, from Place) (Page, error)
	// ReadLink returns the target of a symbolic link.
	ReadLink(ctx context.Context, h Handle) (string, error)
	// MaxRead is how many bytes one Read can ask for.
	MaxRead() int
	// Version is the version's number, such as "4.1".
	Version() string
	// Close ends the connections. Calls under way fail.
	Close()
}
