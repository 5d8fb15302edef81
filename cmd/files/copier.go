package files

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// CopyOptions say how files are copied.
type CopyOptions struct {
	// All keeps what cp -a does: owners if that is allowed, all bits of modes, extended
	// attributes, several names of one file, pipes and, for root, devices. Modes below
	// the umask, times, symbolic links and holes are always kept.
	All bool
	// Replace replaces files that are there. Directories are never replaced.
	Replace bool

	// Failed is told each file that could not be copied, Left each that was left out
	// for what it is, by its path in the disk. Neither may be nil.
	Failed func(path string, err error)
	Left   func(path, why string)
}

// Copied says what was copied.
type Copied struct {
	Files, Directories, Links, Others int
	Bytes                             int64 // that were written; holes do not count
	Failed                            int
	// Damaged is the first error for which a file was damaged, in the backup or in its
	// file system, nil if there is none.
	Damaged error
	// Attributes counts the extended attributes that could not be set, by name.
	Attributes map[string]int
	// Separate says that some names of one file became files of their own, for want
	// of memory.
	Separate bool
}

// copier copies trees. It is a Visitor.
type copier struct {
	ctx    context.Context
	o      CopyOptions
	root   bool
	buffer []byte
	meter  meter
	links  links
	copies map[linkKey]fileID // what those became that links remembers
	temps  int                // names of temporary files so far
	// replaces says that the file that is being made takes the place of another.
	replaces bool
	done     Copied

	top   int      // the directory into which all goes
	dirs  []target // from top to the one into which the walk copies now
	start *Node
	name  string // of start
}

// at returns the directory into which the walk copies now.
func (c *copier) at() *target { return &c.dirs[len(c.dirs)-1] }

// tempName returns a name for a file until it is whole.
func (c *copier) tempName() string {
	c.temps++
	return fmt.Sprintf(".restorefs-%d-%d", os.Getpid(), c.temps)
}

// isFull says that nothing else can be written either.
func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EROFS)
}

// settle returns when all that was written to the file system of an open directory is on
// stable storage.
func (c *copier) settle(dir int, name string) error {
	if err := unix.Syncfs(dir); err != nil {
		return fmt.Errorf("make what was copied to %s last (some of it may be lost, "+
			"copy it again): %w", name, err)
	}
	return nil
}

// Problem implements Visitor.
func (c *copier) Problem(path string, err error) {
	c.done.Failed++
	if c.done.Damaged == nil && Damaged(err) {
		c.done.Damaged = err
	}
	c.o.Failed(path, err)
}
