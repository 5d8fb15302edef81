package backupstore

import (
	"errors"
	"fmt"
)

// ErrDamaged is what errors.Is finds in every error that says that bytes of a
// backup cannot be had, or are not those that were backed up.
var ErrDamaged = errors.New("backup damaged")

// DamageError is a range of a volume that cannot be had.
type DamageError struct {
	Backup string // backup id
	Object string // path of the object on the share, "" if none
	Offset int64  // in the volume, bytes
	Length int64
	Reason string
	Err    error // what lies behind it, may be nil
}

// Error implements error.
func (e *DamageError) Error() string {
	s := fmt.Sprintf("backup %s is damaged: bytes %d to %d", e.Backup, e.Offset, e.Offset+e.Length)
	if e.Object != "" {
		s += " (object " + e.Object + ")"
	}
	s += ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap makes both ErrDamaged and the cause visible to errors.Is.
func (e *DamageError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrDamaged}
	}
	return []error{ErrDamaged, e.Err}
}

// ErrMemory is what errors.Is finds in errors that say that an object needs more memory for
// decoding than may be used. The object may well be right.
var ErrMemory = errors.New("not enough memory allowed")

// MemoryError is an object, or a digest block, that needs more memory than
// Options.DecoderBytes. It is no damage.
type MemoryError struct {
	Backup string // backup id
	Object string // path of the object on the share, "" for a block
	Window int64  // bytes of decoded data that decoding the next ones needs
	Block  int64  // bytes of a digest block
	Needs  int64  // the least sufficient Options.DecoderBytes
	Has    int64  // bytes that a decoder, or blocks, may have
	Total  int64  // the least sufficient --memory, by Options.MemoryFor; 0: unknown
}

// Error implements error.
func (e *MemoryError) Error() string {
	mib := func(n int64) int64 { return (n + 1<<20 - 1) >> 20 }
	s := fmt.Sprintf("backup %s: object %s needs a window of %d MiB, %d MiB of memory with what "+
		"goes with it, and decoders may have %d MiB",
		e.Backup, e.Object, mib(e.Window), mib(e.Needs), e.Has>>20)
	if e.Block > 0 {
		s = fmt.Sprintf("backup %s: its digest blocks of %d MiB are read as a whole, "+
			"and blocks may have %d MiB", e.Backup, mib(e.Block), e.Has>>20)
	}
	if e.Total > 0 {
		s += fmt.Sprintf(": give --memory %dMiB or more", mib(e.Total))
	}
	return s
}

// Unwrap makes ErrMemory visible to errors.Is.
func (e *MemoryError) Unwrap() error { return ErrMemory }
