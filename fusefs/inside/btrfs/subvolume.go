package btrfs

import (
	"errors"
	"fmt"
)

const (
	rootItemBytes = 239
	numberBits    = 48 // of a file within its subvolume
	fileNumbers   = 1<<numberBits - 1
	emptyDir      = 2 // the number of a directory in place of a subvolume that is elsewhere
)

// subvolume is a tree of files.
type subvolume struct {
	id   uint64
	root pointer
	dir  uint64 // the number of its root directory
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
	if err == nil && len(ids) > 0 && ids[0].location.kind == kindRoot {
		id = ids[0].location.object
	}
	if _, err := f.subvolume(id); err != nil {
		if id == topLevel {
			return err
		}
		f.note("the default subvolume cannot be opened (%v): the top level is shown", err)
		id = topLevel
		if _, err := f.subvolume(id); err != nil {
			return err
		}
	}
	if id != topLevel {
		f.note("the default subvolume is shown; what else there is has a path from the top level, " +
			"such as @/home")
		if _, err := f.subvolume(topLevel); err != nil {
			f.note("the top level cannot be opened: %v", err)
		}
	}
	return nil
}

// subvolume returns the number that a subvolume has here, which it is given if it has none.
func (f *FS) subvolume(id uint64) (uint64, error) {
	f.subMu.Lock()
	number, known := f.numbers[id]
	f.subMu.Unlock()
	if known {
		return number, nil
	}
	s, err := f.rootItem(id)
	if err != nil {
		return 0, err
	}
	if s.dir < firstObject || s.dir > fileNumbers {
		return 0, corrupt("the tree of trees", "the tree %d has the root directory %d", id, s.dir)
	}
	f.subMu.Lock()
	defer f.subMu.Unlock()
	if number, known := f.numbers[id]; known {
		return number, nil
	}
	number = uint64(len(f.subvolumes))
	if number >= maxSubvolumes {
		return 0, fmt.Errorf("%w: more than %d subvolumes", ErrUnsupported, maxSubvolumes)
	}
	s.dir |= number << numberBits
	f.subvolumes, f.numbers[id] = append(f.subvolumes, s), number
	return number, nil
}

// of returns the subvolume of a file, and its number there.
func (f *FS) of(ino uint64) (s subvolume, object uint64, err error) {
	f.subMu.Lock()
	defer f.subMu.Unlock()
	number := ino >> numberBits
	if number >= uint64(len(f.subvolumes)) {
		return s, 0, errNotHere
	}
	return f.subvolumes[number], ino & fileNumbers, nil
}

// below returns the number of what an entry of a directory leads to.
func (f *FS) below(s subvolume, dir uint64, e dirEntry) (ino uint64, err error) {
	switch e.location.kind {
	case kindInode:
		if e.location.object > fileNumbers {
			return 0, corrupt("a directory", "an entry leads to the inode %d", e.location.object)
		}
		return s.dir&^fileNumbers | e.location.object, nil
	case kindRoot:
	default:
		return 0, corrupt("a directory", "an entry leads to an item of the type %d", e.location.kind)
	}
	// A snapshot has the names of the subvolumes within what it is of, and not these.
	_, err = f.find(f.super.root, key{s.id, kindRootRef, e.location.object})
	if errors.Is(err, errNoItem) {
		return s.dir&^fileNumbers | emptyDir, nil
	}
	if err != nil {
		return 0, err
	}
	number, err := f.subvolume(e.location.object)
	if err != nil {
		return 0, err
	}
	f.subMu.Lock()
	defer f.subMu.Unlock()
	return f.subvolumes[number].dir, nil
}
