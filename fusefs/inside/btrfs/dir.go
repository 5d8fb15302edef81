package btrfs

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

const entryHead = 30 // bytes before a name

// dirEntry is an entry of a directory, or an extended attribute.
type dirEntry struct {
	location key
	kind     uint8
	name     string
	data     []byte
}

// parseEntries reads the entries of an item.
func parseEntries(b []byte) (list []dirEntry, err error) {
	for len(b) > 0 {
		if len(b) < entryHead {
			return list, corrupt("a directory", "%d bytes are left of an item", len(b))
		}
		dataBytes, nameBytes := int(le.Uint16(b[25:])), int(le.Uint16(b[27:]))
		size := entryHead + nameBytes + dataBytes
		if size > len(b) {
			return list, corrupt("a directory", "an entry of %d bytes", size)
		}
		list = append(list, dirEntry{
			location: parseKey(b), kind: b[29], name: string(b[entryHead:][:nameBytes]),
			data: b[entryHead+nameBytes : size],
		})
		b = b[size:]
	}
	return list, nil
}

// entriesByName returns the entries of a name in a directory.
func (f *FS) entriesByName(root pointer, dir uint64, kind uint8, name string) (list []dirEntry,
	err error) {
	it, err := f.find(root, key{dir, kind, nameHash(name)})
	if errors.Is(err, errNoItem) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := parseEntries(it.data)
	for _, e := range all {
		if e.name == name {
			list = append(list, e)
		}
	}
	return list, err
}

// wellNamed says whether a name is one name in one directory.
func wellNamed(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= maxName &&
		!strings.ContainsAny(name, "/\x00")
}

// directory finds a directory.
func (f *FS) directory(ino uint64) (*inode, error) {
	n, err := f.inode(ino)
	if err == nil && n.mode()&typeMask != modeDir {
		err = fmt.Errorf("read directory of %s: it is no directory", n.name())
	}
	return n, err
}

// ReadDir calls fn for each entry of a directory, in the order in which they were made,
// without "." and "..". An error of fn ends it and is returned. What can be read of a
// damaged directory is given to fn before the error is returned.
func (f *FS) ReadDir(ino uint64, fn func(Dirent) error) error {
	n, err := f.directory(ino)
	if err != nil || n.data == nil {
		return err
	}
	var mine, bad error
	err = f.walk(n.sub.root, key{n.object, kindDirIndex, 0}, func(it item) (bool, error) {
		if it.object != n.object || it.kind != kindDirIndex {
			return false, nil
		}
		list, err := parseEntries(it.data)
		if err != nil {
			bad = err
		}
		for _, e := range list {
			below, err := f.below(n.sub, e)
			if err == nil && !wellNamed(e.name) {
				err = corrupt(n.name(), "a name that cannot be one: %q", e.name)
			}
			if err != nil {
				bad = fmt.Errorf("%q: %w", e.name, err)
			} else if mine = fn(Dirent{Name: e.name, Ino: below,
				Type: typeOf(e.kind)}); mine != nil {
				return false, nil
			}
		}
		return true, nil
	})
	switch {
	case mine != nil:
		return mine
	case err == nil:
		err = bad
	}
	if err != nil {
		return fmt.Errorf("read directory of %s: %w", n.name(), err)
	}
	return nil
}

// typeOf returns the DT_* of Linux for the type of an entry.
func typeOf(kind uint8) uint8 {
	const fifo, char, dir, block, regular, link, socket = 1, 2, 4, 6, 8, 10, 12
	types := []uint8{0, regular, dir, char, block, fifo, socket, link}
	if int(kind) < len(types) {
		return types[kind]
	}
	return 0
}

// Lookup returns the number of the file of a name in a directory. In the root, names of
// the top level are found after those of the default subvolume. The error is
// fs.ErrNotExist (errors.Is) if there is none.
func (f *FS) Lookup(dir uint64, name string) (uint64, error) {
	n, err := f.directory(dir)
	if err != nil {
		return 0, err
	}
	if n.data != nil {
		list, err := f.entriesByName(n.sub.root, n.object, kindDirItem, name)
		if err != nil {
			return 0, fmt.Errorf("look up %q in %s: %w", name, n.name(), err)
		}
		if len(list) > 0 && wellNamed(name) {
			return f.below(n.sub, list[0])
		}
	}
	if dir == f.Root() && n.sub.id != topLevel {
		if top, err := f.subvolume(topLevel); err == nil {
			return f.Lookup(top.dir, name)
		}
	}
	return 0, fmt.Errorf("look up %q in %s: %w", name, n.name(), fs.ErrNotExist)
}
