package luks

import (
	"errors"
	"fmt"
)

// ErrNone is the error for bytes that do not begin as LUKS does.
var ErrNone = errors.New("it is not encrypted by LUKS")

// ErrKey is the error of [Header.Unlock] if no key slot can be opened with what was given.
var ErrKey = errors.New("none of its key slots opens with the key that was given")

// UnsupportedError says that a volume is encrypted in a way that is not read here.
type UnsupportedError struct{ Why string }

// Error implements error.
func (e *UnsupportedError) Error() string { return e.Why }

func unsupported(format string, args ...any) error {
	return &UnsupportedError{fmt.Sprintf(format, args...)}
}

// BrokenError says that a header contradicts the format, or itself.
type BrokenError struct{ Why string }

// Error implements error.
func (e *BrokenError) Error() string { return "its LUKS header is broken: " + e.Why }

func broken(format string, args ...any) error { return &BrokenError{fmt.Sprintf(format, args...)} }

// MemoryError says that a key slot needs more memory than is allowed.
type MemoryError struct {
	Slot       int
	Need, Have int64 // bytes
}

// Error implements error.
func (e *MemoryError) Error() string {
	return fmt.Sprintf("key slot %d needs %d MiB of memory (Argon2), and %d MiB are allowed",
		e.Slot, (e.Need+1<<20-1)>>20, e.Have>>20)
}
