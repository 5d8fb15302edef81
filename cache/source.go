package cache

import (
	"context"
	"errors"
)

// Source is one volume: immutable, verified bytes. It is safe for concurrent use.
type Source interface {
	// Size is the volume's size in bytes, and never changes.
	Size() int64

	// Align is the granularity of Load in bytes (a digest block) and never changes. It is 1 or more; the Source vouches for it being
	// sane, the cache refuses to read volumes whose alignment does not fit its memory.
	Align() int

	// Load fills p whole with the verified bytes at off, or fails. off and len(p) are multiples of Align, except that the last Load of
	// a volume ends where the volume ends. When ctx ends it returns soon, and keeps what it can of the work done.
	Load(ctx context.Context, p []byte, off int64) error

	// Around returns the range [from, to) that contains [off, off+n) and costs nothing more to load than that range itself, because
	// the decoder passes over it anyway. It is aligned like the arguments of Load and lies within the volume.
	Around(off int64, n int) (from, to int64)

	// NextData returns the first range [start, stop) at or after off, ending at or before end, that is not known to be zero;
	// start == end if there is none. It is cheap: it decodes nothing.
	NextData(ctx context.Context, off, end int64) (start, stop int64, err error)
}

// A Tiered is a Source that keeps some of what is dear to produce in a place of its own, such as a disk.
type Tiered interface {
	Source

	// LoadKept is Load, and tells whether all of p was kept there.
	LoadKept(ctx context.Context, p []byte, off int64) (kept bool, err error)
}

// Origin is where bytes came from, the cheapest first.
type Origin uint8

// Where bytes can come from.
const (
	Zeros  Origin = iota // known to be zero
	Memory               // the Cache had them
	Kept                 // loaded from where a Tiered keeps them
	Made                 // loaded
)

var (
	// ErrClosed is returned by reads of a closed Cache.
	ErrClosed = errors.New("cache is closed")

	// ErrRange is returned by reads that are not wholly inside the volume. Callers clip at the end of the volume themselves: a read is
	// never short.
	ErrRange = errors.New("read outside of the volume")
)
