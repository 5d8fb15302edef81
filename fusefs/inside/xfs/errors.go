package xfs

import (
	"errors"
	"fmt"
)

// ErrUnsupported is what an error is if the file system or the file uses
// something that this package does not read, such as a realtime device.
var ErrUnsupported = errors.New("not supported")

// ErrLogDirty is what an error of [Open] is if the log has changes that are not
// in their places yet: the file system was in use when it was copied.
var ErrLogDirty = errors.New(
	"the log of the file system holds changes that are not in their places yet")

// CorruptError says that something in the file system contradicts its format.
type CorruptError struct {
	What  string // what is wrong
	Where string // in which structure, such as "inode 12"
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("the file system is damaged: %s: %s", e.Where, e.What)
}

// corrupt returns a [CorruptError].
func corrupt(where, what string, args ...any) error {
	return &CorruptError{What: fmt.Sprintf(what, args...), Where: where}
}

// inodeName names an inode in messages.
func inodeName(ino uint64) string { return fmt.Sprintf("inode %d", ino) }

// blockName names a block in messages.
func blockName(b uint64) string { return fmt.Sprintf("block %d", b) }
