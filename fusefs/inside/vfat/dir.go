package vfat

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/restorefs/restorefs/fusefs/inside/reading"
)

const (
	slotDeleted = 0xe5
	maxFATDir   = 2 << 20 // of 65536 entries
)

// errStop ends a walk over slots.
var errStop = errors.New("stop")

// slots calls fn for each slot of a directory, with its offset; errStop ends it without an error.
func (f *FS) slots(e entry, fn func(off int64, slot []byte) error) error {
	if e.ino == rootInode && f.root == 0 {
		return f.slotsIn(f.rootOff, f.rootLength, fn)
	}
	if err := f.checkPlace(e); err != nil {
		return err
	}
	c, limit := f.chainOf(e), int64(maxFATDir)
	if f.ex {
		limit = maxDirectory
		if e.ino != rootInode {
			limit = min(limit, e.size)
		}
	}
	var mark uint32 // of the cluster with a number that is a power of two
	for index := uint64(0); int64(index)*f.cluster < limit && index < f.clusters; index++ {
		n, err := c.cluster(index)
		if err != nil || n == 0 {
			return err
		}
		if n == mark {
			return corrupt(c.String(), "it comes back to cluster %d", n)
		}
		if index&(index-1) == 0 {
			mark = n
		}
		err = f.slotsIn(f.offset(n), min(f.cluster, limit-int64(index)*f.cluster), fn)
		if err != nil {
			return err
		}
	}
	return nil
}

// slotsIn is slots for a piece of a directory. The slots must not be changed.
func (f *FS) slotsIn(off, length int64, fn func(off int64, slot []byte) error) error {
	for end := off + length; off+slotBytes <= end; {
		data, err := f.dev.Block(off / reading.BlockBytes)
		if err != nil {
			return err
		}
		data = data[min(off%reading.BlockBytes, int64(len(data))):]
		if len(data) < slotBytes {
			return fmt.Errorf("read a directory at offset %d: %w", off, reading.ErrOutside)
		}
		for ; len(data) >= slotBytes && off+slotBytes <= end; data = data[slotBytes:] {
			if data[0] == 0 {
				return errStop
			}
			if err := fn(off, data[:slotBytes:slotBytes]); err != nil {
				return err
			}
			off += slotBytes
		}
	}
	return nil
}

// list calls fn for each file of a directory.
func (f *FS) list(ino uint64, fn func(entry) error) error {
	e, err := f.entry(ino)
	if err != nil {
		return err
	}
	if !e.dir {
		return fmt.Errorf("read directory of %s: it is no directory", entryName(ino))
	}
	var mine error // of fn
	var bad error  // of an entry
	give := func(e entry) error {
		if !wellNamed(e.name) {
			bad = corrupt(entryName(e.ino), "it has a name that cannot be one: %q", e.name)
			return nil
		}
		mine = fn(e)
		return mine
	}
	if f.ex {
		err = f.listExFAT(e, give, func(err error) { bad = err })
	} else {
		err = f.listFAT(e, give)
	}
	switch {
	case mine != nil:
		return mine
	case err == nil || errors.Is(err, errStop):
		err = bad
	}
	if err != nil {
		return fmt.Errorf("read directory of %s: %w", entryName(ino), err)
	}
	return nil
}

// wellNamed says whether a name is one name in one directory.
func wellNamed(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00")
}

// listFAT is list for FAT12, FAT16 and FAT32.
func (f *FS) listFAT(dir entry, give func(entry) error) error {
	var long longName
	return f.slots(dir, func(off int64, slot []byte) error {
		switch attr := slot[11]; {
		case slot[0] == slotDeleted:
			long.forget()
			return nil
		case attr&attrMask == attrLong:
			long.add(slot)
			return nil
		case attr&attrVolume != 0 || slot[0] == '.': // a label, or "." and ".."
			long.forget()
			return nil
		}
		e := f.parse(slot, off)
		if e.name = long.take(slot); e.name == "" {
			e.name = shortName(slot)
		}
		return give(e)
	})
}

// parse reads an entry of FAT but for its name.
func (f *FS) parse(slot []byte, off int64) entry {
	e := entry{
		ino: uint64(
			off,
		) / slotBytes, dir: slot[11]&attrDir != 0, readOnly: slot[11]&attrReadOnly != 0,
		first: uint32(le.Uint16(slot[26:])), size: int64(le.Uint32(slot[28:])),
	}
	copy(e.fat[:], slot)
	if f.bits == 32 {
		e.first |= uint32(le.Uint16(slot[20:])) << 16
	}
	if e.dir {
		e.size = 0
	}
	e.valid = e.size
	return e
}

// ReadDir calls fn for each entry of a directory, in the order of the disk, without "." and "..".
// An error of fn ends it and is returned. What can be read of a damaged directory is given to fn
// before the error is returned.
func (f *FS) ReadDir(ino uint64, fn func(Dirent) error) error {
	return f.list(ino, func(e entry) error { return fn(e.dirent()) })
}

// Lookup returns the number of the file of a name in a directory: one that is equal, else the first
// that is but for small and capital letters. The error is fs.ErrNotExist (errors.Is) if there is
// none.
func (f *FS) Lookup(dir uint64, name string) (uint64, error) {
	var equal, alike uint64
	err := f.list(dir, func(e entry) error {
		switch {
		case e.name == name:
			equal = e.ino
			return errStop
		case alike == 0 && strings.EqualFold(e.name, name):
			alike = e.ino
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
	return 0, fmt.Errorf("look up %q in %s: %w", name, entryName(dir), fs.ErrNotExist)
}

// readLabel takes the label from the root directory, where it is if it was ever changed.
func (f *FS) readLabel() {
	err := f.slots(
		entry{ino: rootInode, dir: true, first: f.root},
		func(_ int64, slot []byte) error {
			switch {
			case f.ex && slot[0] == exLabel && slot[1] <= 11:
				f.info.Label = wideName(slot[2 : 2+2*int(slot[1])])
			case !f.ex && slot[0] != slotDeleted && slot[11]&(attrVolume|attrDir) == attrVolume &&
				slot[11]&attrMask != attrLong:
				f.info.Label = label(slot[:11])
			default:
				return nil
			}
			return errStop
		},
	)
	if err != nil && !errors.Is(err, errStop) {
		f.note("the root directory cannot be read: %v", err)
	}
}
