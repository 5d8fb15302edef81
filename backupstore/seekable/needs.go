package seekable

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"

	"github.com/restorefs/restorefs/backupstore/seekable/unzstd"
)

// What a decoder needs is known when it meets it: a zstd frame says how large its
// window is. A decoder gets what most need, and a limit. One that needs more
// fails before it has taken it, and begins again when that is reserved; the next
// of the object begin with it.

// freeBytes is what a decoder has held when it is worth it to collect the garbage
// that it leaves: another of its size would come on top.
const freeBytes = 24 << 20

// anyway is what a decoder may have however small the budget is: enough for all
// but large windows.
const anyway = 16 << 20

// MemoryError says that an object needs more memory to be decoded than
// Options.MemoryBytes. It says nothing of whether the object is right.
type MemoryError struct {
	Window int64 // bytes of the object that must be at hand to decode others
	Needs  int64 // Options.MemoryBytes would have to be that, at least
	Has    int64 // Options.MemoryBytes
}

// Error implements error.
func (e *MemoryError) Error() string {
	return fmt.Sprintf("it needs a window of %d MiB, %d MiB of memory to be decoded, "+
		"and decoders may have %d MiB",
		mebibytes(e.Window), mebibytes(e.Needs), e.Has>>20)
}

func mebibytes(n int64) int64 { return (n + 1<<20 - 1) >> 20 }

// needs is what the decoders of one object hold, as far as it is known.
type needs struct {
	building atomic.Int64 // with an observer
	plain    atomic.Int64
	noIndex  atomic.Bool // there is no memory to build one
}

// of returns the account of decoders that build an index, or of others.
func (n *needs) of(building bool) *atomic.Int64 {
	if building {
		return &n.building
	}
	return &n.plain
}

// raise makes a at least n.
func raise(a *atomic.Int64, n int64) {
	for was := a.Load(); was < n && !a.CompareAndSwap(was, n); was = a.Load() {
	}
}

// decoderBytes is what a new decoder of o on one core is given.
func (o *Object) decoderBytes(building bool) int64 {
	return max(decoderBytes(o.alg), o.needs.of(building).Load())
}

// outgrown looks at what a decoder failed with that was given a limit. If it was
// the limit, and another decoder can be given more, again is true. An object of
// many frames must not begin again for each: from one time to the next the limit
// is half as much again, if there is memory.
func (o *Object) outgrown(building bool, err error) (again bool, _ error) {
	short, ok := errors.AsType[*unzstd.MemoryError](err)
	if !ok {
		return false, err
	}
	budget := max(o.engine.budget, anyway)
	switch {
	case short.Needs <= budget:
		raise(o.needs.of(building), max(short.Needs, min(o.decoderBytes(building)*3/2, budget)))
		return true, nil
	case building:
		o.needs.noIndex.Store(true)
		return true, nil
	}
	return false, &MemoryError{Window: short.Window, Needs: short.Needs, Has: budget}
}

// collect gives the memory of a decoder that is closed back to the system, if it
// is much.
func collect(held int64) {
	if held >= freeBytes {
		debug.FreeOSMemory()
	}
}
