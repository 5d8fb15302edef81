package fusefs

import (
	"context"
	"crypto/sha256"
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

// WritableVolume is a Volume that takes writes, of a mount with
// Options.Writable. All who have the same backup open see the same bytes.
//
// Ranges lie inside the volume, are not empty, and may overlap those of calls
// that run at the same time. For want of space the error is syscall.ENOSPC or
// EDQUOT, and nothing acknowledged before is lost.
type WritableVolume interface {
	Volume

	// WriteAt writes all of p at off, or fails; then any part of it may have
	// been written. p is not kept.
	WriteAt(ctx context.Context, p []byte, off int64) error

	// Zero makes n bytes zero, and gives back the room they took as far as it
	// can.
	Zero(ctx context.Context, off, n int64) error

	// Allocate sees to it that writes to n bytes will not fail for want of
	// space. Their contents do not change.
	Allocate(ctx context.Context, off, n int64) error

	// Sync returns nil when all that was acknowledged before the call is on
	// stable storage. After an error some of it may be lost, which every later
	// Sync must say again.
	Sync(ctx context.Context) error
}

// Digests are the SHA-256 digests of a volume's blocks. A Volume may have them
// too. It is safe for concurrent use.
type Digests interface {
	// Align is the size of a block in bytes.
	Align() int

	// Digest returns the digest of the block at off, a multiple of Align; not ok
	// where it is not known.
	Digest(ctx context.Context, off int64) (digest [sha256.Size]byte, ok bool, err error)
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

	// Superseded says that there is a newer backup of the volume without a
	// problem that is not in the snapshot: this one is never the latest.
	Superseded bool

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
	// Where it gives a WritableVolume, volume.raw can be written, if
	// Options.Writable says so.
	Open(ctx context.Context, id string) (Volume, error)

	// Peek opens a volume for a few reads of this package's own, upon a look
	// into a directory: nothing should be begun for its sake. The disk must not
	// be seen otherwise than by Open.
	Peek(ctx context.Context, id string) (Volume, error)

	// Digests tells the blocks of a backup's volume apart without opening it: nil
	// where that cannot be, or costs as much.
	Digests(ctx context.Context, id string) (Digests, error)

	// Written says whether the disk may hold something else than the backup does.
	// It is asked at every look into the backup's directory.
	Written(id string) bool

	// Metadata returns the contents of metadata.json, of bounded size.
	Metadata(ctx context.Context, id string) ([]byte, error)
}
