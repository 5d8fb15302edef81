package btrfs

import (
	"errors"
	"fmt"
)

const (
	rootItemBytes = 239
	numberBits    = 40 // of a file within its subvolume
	fileNumbers   = 1<<numberBits - 1
	// emptyDir, and the number of the subvolume, is the number of a directory in place of
	// one that is elsewhere.
	emptyDir = 1 << (numberBits - 1)
)

// subvolume is a tree of files.
type subvolume struct {
	id   uint64
	root pointer
	dir  uint64 // the number of its root directory
}

// ino returns the number that a file of the subvolume has outside. Who keeps it may ask for it
// after the file system was closed and opened again: it follows from the disk alone. In the top
// level it is that of the file.
func (s subvolume) ino(object uint64) uint64 { return (s.id^topLevel)<<numberBits | object }

// parseIno returns of which subvolume a file is, and its number there.
func parseIno(ino uint64) (id, object uint64) {
	return ino>>numberBits ^ topLevel, ino & fileNumbers
}

// rootItem finds a tree by its number.
func (f *FS) rootItem(id uint64) (s subvolume, err error) {
	it, err := f.before(f.super.root, key{id, kindRoot, maxOffset})
	if err == nil && (it.object != id || it.kind != kindRoot) {
		err = errNoItem
	}
	if err != nil {
		return s, fmt.Errorf("find the tree %d: %w", id, err)
	}
	if len(it.data) < rootItemBytes {
		return s, corrupt("the tree of trees", "an item of %d bytes", len(it.data))
	}
	s = subvolume{id: id, dir: le.Uint64(it.data[168:])}
	s.root = pointer{le.Uint64(it.data[176:]), le.Uint64(it.data[160:]), it.data[238]}
	if s.root.level >= maxLevel {
		return s, corrupt("the tree of trees", "the tree %d has %d levels", id, s.root.level)
	}
	return s, nil
}

// openRoot opens the default subvolume, and the top level beside it.
func (f *FS) openRoot() error {
	id := uint64(topLevel)
	ids, err := f.entriesByName(f.super.root, f.rootDir, kindDirItem, "default")
	switch {
	case err != nil:
		f.note("which subvolume is the default one cannot be read (%v): the top level is shown",
			err)
	case len(ids) > 0 && ids[0].location.kind == kindRoot:
		id = ids[0].location.object
	}
	s, err := f.subvolume(id)
	if err != nil && id != topLevel {
		f.note("the default subvolume cannot be opened (%v): the top level is shown", err)
		s, err = f.subvolume(topLevel)
	}
	if err != nil {
		return err
	}
	f.shown = s.dir
	if s.id != topLevel {
		f.note(
			"the default subvolume is shown; what else there is has a path from the top level, " +
				"such as @/home")
		if _, err := f.subvolume(topLevel); err != nil {
			f.note("the top level cannot be opened: %v", err)
		}
	}
	return nil
}

// checkID checks that a number can be that of a subvolume.
func checkID(id uint64) error {
	switch {
	case id >= maxSubvolume:
		return fmt.Errorf("%w: a subvolume of the number %d", ErrUnsupported, id)
	case id != topLevel && id < firstObject:
		return corrupt("the tree of trees", "the tree %d is no subvolume", id)
	}
	return nil
}

// subvolume returns a subvolume by its number.
func (f *FS) subvolume(id uint64) (subvolume, error) {
	if err := checkID(id); err != nil {
		return subvolume{id: id}, err
	}
	f.subMu.Lock()
	s, known := f.subvolumes[id]
	f.subMu.Unlock()
	if known {
		return s, nil
	}
	s, err := f.rootItem(id)
	if err != nil {
		return subvolume{id: id}, err
	}
	if s.dir < firstObject || s.dir >= emptyDir {
		return s, corrupt("the tree of trees", "the tree %d has the root directory %d", id, s.dir)
	}
	s.dir = s.ino(s.dir)
	f.subMu.Lock()
	defer f.subMu.Unlock()
	if len(f.subvolumes) >= keptSubvolumes {
		clear(f.subvolumes)
	}
	f.subvolumes[id] = s
	return s, nil
}

// below returns the number of what an entry of a directory leads to.
func (f *FS) below(s subvolume, e dirEntry) (ino uint64, err error) {
	to := e.location.object
	switch e.location.kind {
	case kindInode:
		if to >= emptyDir {
			return 0, corrupt("a directory", "an entry leads to the inode %d", to)
		}
		return s.ino(to), nil
	case kindRoot:
	default:
		return 0, corrupt("a directory", "an entry leads to an item of the type %d",
			e.location.kind)
	}
	if err := checkID(to); err != nil {
		return 0, err
	}
	// A snapshot has the names of the subvolumes within what it is of, and not these.
	_, err = f.find(f.super.root, key{s.id, kindRootRef, to})
	if errors.Is(err, errNoItem) {
		return s.ino(emptyDir | to), nil
	}
	if err != nil {
		return 0, err
	}
	s, err = f.subvolume(to)
	return s.dir, err
}
