package materialize

import (
	"context"
	"errors"
	"iter"
)

// Range is the range [Off, Off+Len) of a volume, in bytes. It is an alias of a
// plain struct so that a store can implement Volume without importing this
// package.
type Range = struct{ Off, Len int64 }

// Volume is the composed volume of one backup. It is safe for concurrent use
// and does not change while it is in use.
type Volume interface {
	// Size is the size of the volume in bytes.
	Size() int64

	// Align is the block size in bytes, a positive number, that the offset and
	// length given to Differs are multiples of (the volume's end excepted).
	// ReadAt is cheapest so aligned.
	Align() int

	// Runs splits [0, Size) in order into ranges that are best read front to
	// back by one reader each; different runs can be read in parallel. It ends
	// after the first error.
	Runs(ctx context.Context) iter.Seq2[Range, error]

	// ReadAt fills p whole with the verified bytes at off, or fails. An error
	// that has a method Damaged() (off, n int64) names the damaged range.
	ReadAt(ctx context.Context, p []byte, off int64) error

	// NextData returns the first range [start, stop) inside [off, end) that is
	// not known to be zero; start == stop if there is none. It is cheap: it
	// decodes nothing.
	NextData(ctx context.Context, off, end int64) (start, stop int64, err error)

	// Differs returns, in order, the ranges in which p, which lies at off, is
	// not what the volume holds there, by digests alone. The error is
	// ErrNoDigests where the backup has none.
	Differs(ctx context.Context, p []byte, off int64) ([]Range, error)
}

// Settler is a Volume that proves some of its bytes only after ReadAt has given
// them out.
type Settler interface {
	Volume
	// Settle returns nil when all that ReadAt has given out is proven. It is called
	// once, after the last read.
	Settle(ctx context.Context) error
}

// ErrNoDigests is what errors.Is finds in the error of Volume.Differs when the
// backup has no digests for the range. It is the standard library's sentinel,
// so that a store need not import this package.
var ErrNoDigests = errors.ErrUnsupported
