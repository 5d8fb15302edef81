package btrfs

import (
	"errors"
	"fmt"
)

// ErrUnsupported is what an error is (errors.Is) if the file system uses something that
// this package does not read, or keeps it on another disk.
var ErrUnsupported = errors.New("not supported")

// CorruptError says that something in the file system contradicts its format.
type CorruptError struct {
	What  string // what is wrong
	Where string // in which structure
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("the file system is damaged: %s: %s", e.Where, e.What)
}

// corrupt returns a [CorruptError].
func corrupt(where, what string, args ...any) error {
	return &CorruptError{What: fmt.Sprintf(what, args...), Where: where}
}
