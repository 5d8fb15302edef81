package fusefs

import (
	"context"
	"time"
)

// Volume is one disk to be served, immutable. It is safe for concurrent use;
// Close is called once, after the last other call has returned.
type Volume interface {
	// Size is the disk's size in bytes.
	Size() int64

	// Read pins and returns exactly the bytes [off, off+n), which lie inside
	// the volume: all of them or an error. See errno.go for the errors that
	// mean something; any other becomes EIO. Deriving a context from ctx costs
	// a goroutine, as it is go-fuse's own: select on ctx.Done instead.
	Read(ctx context.Context, off int64, n int) (Data, error)

	// NextData returns the first range [start, stop) at or after off, and
	// before end, of bytes not known to be zero; start == end when there is
	// none. Adjacent ranges may come one by one.
	NextData(ctx context.Context, off, end int64) (start, stop int64, err error)

	Close() error
}

// Data is the pinned result of a read.
type Data interface {
	// Slices returns the bytes in order, the same at every call, not to be
	// modified. At most maxSlices of them are handed on without a copy.
	Slices() [][]byte

	// Release unpins the bytes. It is called once.
	Release()
}

// Backup is what the tree shows of one backup.
type Backup struct {
	ID         string // unique in a snapshot
	VolumeID   string
	VolumeName string    // arbitrary text, may be empty
	CreatedAt  time.Time // zero: not known

	// Problem says what is wrong with the backup (incomplete, broken), for the
	// operator; empty when nothing is.
	Problem string
	// Partial says that a backup with a problem is served as far as it can be
	// read.
	Partial bool

	// Size is the volume's size in bytes, -1 while it is not known.
	Size int64
}

// Catalog lists and opens backups. It is safe for concurrent use.
type Catalog interface {
	// Backups returns a snapshot, cheaply: it is asked at every lookup. The
	// implementation refreshes it, and returns the same slice, never modified,
	// as long as nothing has changed.
	Backups(ctx context.Context) ([]Backup, error)

	// Size returns the volume's exact size without opening object data. It is
	// asked for backups whose Size is -1.
	Size(ctx context.Context, id string) (int64, error)

	// Open opens a backup's volume. It is called at every open of volume.raw.
	Open(ctx context.Context, id string) (Volume, error)

	// Metadata returns the contents of metadata.json, of bounded size.
	Metadata(ctx context.Context, id string) ([]byte, error)
}
