package materialize

import (
	"context"
	"errors"
	"iter"
)

// Range is the range [Off, Off+Len) of a volume, in bytes. It is an alias of a
// plain struct so that a store can implement Source without importing this
// package.
type Range = struct{ Off, Len int64 }

// Source is the composed volume of one backup. It is safe for concurrent use
// and does not change while it is in use.
type Source interface {
	// Size is the size of the volume in bytes.
	Size() int64

	// Align is the block size in bytes, a positive number. The offset and length given to Differs
	// are multiples of it, except at the end of the volume. Reads aligned to it are the cheapest.
	Align() int

	// Runs splits [0, Size), in order, into ranges that are best read from front to back by one
	// reader each; different runs can be read in parallel. It ends after the first error.
	Runs(ctx context.Context) iter.Seq2[Range, error]

	// ReadAt fills all of p with the verified bytes at off, or fails.
	ReadAt(ctx context.Context, p []byte, off int64) error

	// NextData returns the first range [start, stop) inside [off, end) that is
	// not known to be zero; start == stop if there is none. It may decode what comes before
	// start, once, to know that it is zero. More data may begin at stop.
	NextData(ctx context.Context, off, end int64) (start, stop int64, err error)

	// Differs returns, in order, the ranges in which p differs from the volume at off, by digests.
	// The error is ErrNoDigests if the backup has none there that can be believed.
	Differs(ctx context.Context, p []byte, off int64) ([]Range, error)
}

// Settler is a Source that proves some of its bytes only after ReadAt has returned them.
type Settler interface {
	Source
	// Settle returns nil if all bytes that ReadAt has returned are proven. It is called once, after
	// the last read.
	Settle(ctx context.Context) error
}

// ErrNoDigests is wrapped by the error of Source.Differs if the backup has no digests for the
// range. It is an error of the standard library, so that a store need not import this package.
var ErrNoDigests = errors.ErrUnsupported
