package cache

import (
	"context"
	"errors"
)

// Source is one volume: immutable, verified bytes. It is safe for concurrent use.
type Source interface {
	// Size is the volume's size in bytes, and never changes.
	Size() int64

	// Align is the granularity of Load in bytes (a digest block) and never changes. It is 1 or
	// more; reads fail if it is too large for the memory of the cache.
	Align() int

	// Load fills all of p with the verified bytes at off, or fails. off and len(p) are multiples of
	// Align, except that a Load may end where the volume ends. When ctx ends it returns soon, and
	// keeps the state of its decoders for the next Load.
	Load(ctx context.Context, p []byte, off int64) error

	// Around returns the largest range [from, to) that contains [off, off+n) and costs no more to
	// load than [off, off+n) alone, because the decoder passes over it anyway. It is aligned like
	// the arguments of Load and lies within the volume.
	Around(off int64, n int) (from, to int64)

	// NextData returns the first range [start, stop) within [off, end) that is not known to be
	// zero; start == end if there is none. It may decode what comes before start, once, to know
	// that it is zero.
	NextData(ctx context.Context, off, end int64) (start, stop int64, err error)
}

// A Tiered is a Source that keeps some of its bytes, which are expensive to produce, in a place of
// its own, such as a disk.
type Tiered interface {
	Source

	// LoadKept is Load, and tells whether all of p was kept there.
	LoadKept(ctx context.Context, p []byte, off int64) (kept bool, err error)
}

// A Deferring is a Source that can leave the proof of bytes that nobody asked for until somebody
// does.
type Deferring interface {
	Source

	// LoadUnproven is Load, except that the bytes may be wrong. It refuses where it cannot tell
	// later whether they are, or does not find them without more ado.
	LoadUnproven(ctx context.Context, p []byte, off int64) (ok bool, err error)

	// Prove tells whether p, which LoadUnproven filled at off, has the bytes of the volume. off
	// and len(p) are as for Load. What it cannot tell it denies. An error is that of ctx.
	Prove(ctx context.Context, p []byte, off int64) (right bool, err error)
}

// Origin is where bytes came from, the cheapest first.
type Origin uint8

// Where bytes can come from.
const (
	Zeros  Origin = iota // known to be zero
	Memory               // in the memory of the Cache
	Kept                 // loaded from where a Tiered keeps bytes
	Made                 // loaded and decoded
)

var (
	// ErrClosed is returned by reads of a closed Cache.
	ErrClosed = errors.New("cache is closed")

	// ErrMemory is returned by reads of a volume whose blocks do not fit into the memory of the
	// cache.
	ErrMemory = errors.New("not enough memory for the cache")
	// ErrRange is returned by reads that are not wholly inside the volume. A read is never short,
	// so callers must clip requests at the end of the volume.
	ErrRange = errors.New("read outside of the volume")
)
