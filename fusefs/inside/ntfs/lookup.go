package ntfs

import (
	"fmt"
	"io/fs"
	"strings"
)

// Lookup returns the number of the file of a name in a directory: one that is equal, else
// the first that is but for small and capital letters, else that of a stream for
// NAME:STREAM. The error is fs.ErrNotExist (errors.Is) if there is none.
func (f *FS) Lookup(dir uint64, name string) (uint64, error) {
	ino, err := f.lookup(dir, name)
	if at := strings.IndexByte(name, ':'); at > 0 && isNotExist(err) {
		if file, failed := f.lookup(dir, name[:at]); failed == nil {
			return f.lookupStream(file, name[at+1:])
		}
	}
	return ino, err
}

func (f *FS) lookup(dir uint64, name string) (uint64, error) {
	n, err := f.directory(dir)
	if err != nil {
		return 0, err
	}
	up := f.upcase()
	capitals, ok := up.capitals(name)
	notThere := fmt.Errorf("look up %q in %s: %w", name, recordName(dir), fs.ErrNotExist)
	if !ok {
		return 0, notThere
	}
	found, err := n.search(capitals, up)
	alike := uint64(0)
	for _, e := range found {
		if e.number < recordFirst || !wellNamed(e.name) {
			continue
		}
		if bad := f.checkSequence(e); bad != nil {
			err = bad
		} else if e.name == name {
			return e.number, nil
		} else if alike == 0 {
			alike = e.number
		}
	}
	// A tree that is not in order can have the name elsewhere, as can one that the log was still
	// to put in order.
	if err != nil || !up.stored || f.info.Journal != "clean" {
		return f.lookupEverywhere(dir, name)
	}
	if alike == 0 {
		return 0, notThere
	}
	return alike, nil
}

// lookupEverywhere is lookup without the order of the index: all of it is read.
func (f *FS) lookupEverywhere(dir uint64, name string) (uint64, error) {
	var equal, alike uint64
	wanted := func(e entry) error { // a record is read for these alone
		if !strings.EqualFold(e.name, name) {
			return nil
		}
		return f.checkSequence(e)
	}
	err := f.list(dir, wanted, func(e entry) error {
		switch {
		case e.name == name:
			equal = e.number
			return errStop
		case alike == 0 && strings.EqualFold(e.name, name):
			alike = e.number
		}
		return nil
	})
	switch {
	case equal != 0:
		return equal, nil
	case alike != 0:
		return alike, nil
	case err != nil:
		return 0, err
	}
	return 0, fmt.Errorf("look up %q in %s: %w", name, recordName(dir), fs.ErrNotExist)
}
