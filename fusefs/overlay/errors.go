package overlay

import (
	"fmt"
	"syscall"
)

// kindError is one of the sentinels below. Some are also an errno, which is
// what programs on a mount see.
type kindError struct {
	text  string
	errno error
}

func (e *kindError) Error() string { return e.text }

func (e *kindError) Unwrap() error { return e.errno }

var (
	// ErrInUse: another process has the overlay open. It is EBUSY as well.
	ErrInUse error = &kindError{"the overlay is in use by another process", syscall.EBUSY}

	// ErrOther: the overlay was made on another volume.
	ErrOther error = &kindError{text: "the overlay belongs to something else"}

	// ErrDamaged: the overlay's files are damaged.
	ErrDamaged error = &kindError{text: "the overlay is damaged"}

	// ErrVersion: another version of restorefs made the overlay.
	ErrVersion error = &kindError{text: "the overlay is of another version"}

	// ErrFailed: data could not be written to stable storage, and the overlay
	// accepts no more writes until it is opened again.
	ErrFailed error = &kindError{text: "an earlier write could not be made safe; nothing is " +
		"written any more until the overlay is opened anew"}

	// ErrClosed: the overlay is closed.
	ErrClosed error = &kindError{text: "the overlay is closed"}
)

// Error is a failure of an overlay's own files, or of a change to them. Errors
// of the Base are returned unchanged.
type Error struct {
	Backup string // the id of the backup that the overlay belongs to
	Doing  string
	Off    int64 // bytes, in the volume
	Err    error
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("overlay of backup %s: %s at offset %d: %v", e.Backup, e.Doing, e.Off, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}
