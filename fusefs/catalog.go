package fusefs

import (
	"context"
	"crypto/sha256"
	"time"
)

// Disk is one disk to be served, immutable. It is safe for concurrent use;
// Close is called once, after the last other call has returned.
type Disk interface {
	// Size is the disk's size in bytes.
	Size() int64

	// Read pins and returns exactly the bytes [off, off+n), which lie inside the volume: all of
	// them or an error. errno.go lists the errors that are told apart; all others become EIO. ctx
	// is a type of this package, so deriving another context from it costs a goroutine: select on
	// ctx.Done instead.
	Read(ctx context.Context, off int64, n int) (Data, error)

	// NextData returns the first range [start, stop) within [off, end) of bytes that are not known
	// to be zero; start == end if there is none. Adjacent ranges may be returned one by one.
	NextData(ctx context.Context, off, end int64) (start, stop int64, err error)

	Close() error
}

// WritableDisk is a Disk that can be written, for mounts with Options.Writable. All that have
// the same backup open see the same bytes.
//
// Ranges lie inside the volume, are not empty, and may overlap those of concurrent calls. If space
// runs out the error is syscall.ENOSPC or EDQUOT, and no write acknowledged before is lost.
type WritableDisk interface {
	Disk

	// WriteAt writes all of p at off, or fails; then any part of it may have
	// been written. p is not kept.
	WriteAt(ctx context.Context, p []byte, off int64) error

	// Zero makes n bytes zero, and frees the space they took as far as it can.
	Zero(ctx context.Context, off, n int64) error

	// Allocate reserves space so that later writes to n bytes do not fail with ENOSPC. Their
	// contents do not change.
	Allocate(ctx context.Context, off, n int64) error

	// Sync returns nil once all writes that were acknowledged before the call are on stable
	// storage. After an error some of them may be lost, and every later Sync must fail too.
	Sync(ctx context.Context) error
}

// Digests are the SHA-256 digests of a volume's blocks. A Disk may have them
// too. It is safe for concurrent use.
type Digests interface {
	// Align is the size of a block in bytes.
	Align() int

	// Digest returns the digest of the block at off, a multiple of Align; ok is false if it is not
	// known.
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
	ID         string // unique in a listing
	VolumeID   string
	VolumeName string    // arbitrary text, may be empty
	CreatedAt  time.Time // zero: not known

	// Problem tells the operator what is wrong with the backup (incomplete, broken); empty if
	// nothing is.
	Problem string
	// Partial says that a backup with a problem is served as far as it can be
	// read.
	Partial bool

	// Short says that a backup without a problem cannot be read as a whole here, and why:
	// problem.txt has it. Unlike a Problem it makes no other backup the latest.
	Short string

	// Superseded says that a newer backup of the volume without a problem exists that is not in the
	// listing: this one is never the latest.
	Superseded bool

	// Size is the volume's size in bytes.
	Size int64
}

// Catalog lists and opens backups. It is safe for concurrent use.
type Catalog interface {
	// Backups lists the backups. It is called at every lookup and must be cheap: the implementation
	// refreshes the list by itself, and returns the same slice, never modified, until something
	// changes.
	Backups(ctx context.Context) ([]Backup, error)

	// Open opens a backup's volume. It is called at every open of volume.raw. If it returns a
	// WritableDisk, volume.raw can be written, provided that Options.Writable is set.
	Open(ctx context.Context, id string) (Disk, error)

	// Peek opens a volume for a few reads of this package's own, when a directory is listed. It
	// should start no background work, and must show the same disk as Open.
	Peek(ctx context.Context, id string) (Disk, error)

	// Digests returns the digests of a backup's volume, by which its blocks can be compared with
	// another's; nil if there are none or getting them costs as much as opening the volume.
	Digests(ctx context.Context, id string) (Digests, error)

	// Written says whether the disk may differ from the backup because it was written to. It is
	// called whenever the backup's directory is listed or searched.
	Written(id string) bool

	// Metadata returns the contents of metadata.json, of bounded size.
	Metadata(ctx context.Context, id string) ([]byte, error)
}
