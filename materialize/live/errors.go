package live

import (
	"errors"
	"fmt"
)

var (
	// ErrNone: there is no state file, or one that was never finished: nothing was begun.
	ErrNone = errors.New("no live restore was begun")

	// ErrInUse: another process goes on with the restore.
	ErrInUse = errors.New("another process is at it")

	// ErrOther: the state file is of another backup or another device.
	ErrOther = errors.New("the state file belongs to something else")

	// ErrDamaged: the state file is damaged.
	ErrDamaged = errors.New("the state file is damaged")

	// ErrForeign: a file that begins as no state file does. It is an ErrDamaged, too.
	ErrForeign error = foreignError{}

	// ErrVersion: another version of restorefs made the state file.
	ErrVersion = errors.New("the state file is of another version")

	// ErrFailed: what was written could not be made safe, and nothing more is accepted until the
	// restore is opened again.
	ErrFailed = errors.New("an earlier write could not be made safe; nothing is written any more " +
		"until the restore is gone on with")

	// ErrClosed: the volume is closed.
	ErrClosed = errors.New("the volume is closed")
)

type foreignError struct{}

// Error implements error.
func (foreignError) Error() string { return "it is no state file of a live restore" }

// Is says that it is an ErrDamaged.
func (foreignError) Is(target error) bool { return target == ErrDamaged }

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// MismatchError says that the device does not hold what was written to it, twice.
type MismatchError struct{ Off, Len int64 } // bytes of the volume

// Error implements error.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("%d bytes at offset %d of the device are not what was written there, also "+
		"after they were written again: the device, or the way to it, cannot be trusted",
		e.Len, e.Off)
}
