package ntfs

import (
	"fmt"
	"io/fs"
	"strings"
)

// streamAttribute returns the attribute of the contents of a file, or of another stream by
// its place among these.
func (n *inode) streamAttribute(place int) (found attribute, err error) {
	if place == 0 {
		return n.first(attrData, "")
	}
	ok := false
	err = n.streams(func(at int, a attribute) bool {
		if ok = at == place; ok {
			found = a
		}
		return !ok
	})
	if err == nil && !ok {
		err = fmt.Errorf("open a stream of %s: %w", recordName(n.number), fs.ErrNotExist)
	}
	return found, err
}

// streams calls fn for each stream of a file but its contents until it returns false. They
// are counted from 1.
func (n *inode) streams(fn func(place int, a attribute) bool) error {
	place := 0
	return n.each(attrData, func(a attribute) bool {
		if len(a.name) == 0 {
			return true
		}
		place++
		return fn(place, a)
	})
}

// lookupStream returns the number of a stream of a file. "NAME:$DATA" is the same.
func (f *FS) lookupStream(ino uint64, name string) (uint64, error) {
	n, err := f.inode(ino)
	if err != nil {
		return 0, err
	}
	name = strings.TrimSuffix(name, ":$DATA")
	found := uint64(0)
	err = n.streams(func(place int, a attribute) bool {
		if strings.EqualFold(wideName(a.name), name) {
			found = n.number | uint64(place)<<numberBits
		}
		return found == 0
	})
	if err == nil && found == 0 {
		err = fmt.Errorf("look up the stream %q of %s: %w", name, recordName(n.number),
			fs.ErrNotExist)
	}
	return found, err
}

// Xattrs returns the streams of a file that fit into extended attributes: of 64 KiB at
// most, and of 1 MiB in all. Those that can be read are returned with the error too.
func (f *FS) Xattrs(ino uint64) (list []Xattr, err error) {
	n, err := f.inode(ino)
	if err != nil || ino>>numberBits != 0 {
		return nil, err
	}
	var failed error
	left := int64(maxAllStreams)
	err = n.streams(func(_ int, a attribute) bool {
		name := wideName(a.name)
		if a.size > maxStream || a.size > left || strings.IndexByte(name, 0) >= 0 ||
			a.flags&flagEncrypted != 0 || name == compactStream {
			return true
		}
		left -= a.size
		x := Xattr{Name: "user." + name, Value: make([]byte, a.size)}
		file, err := n.file(a)
		if err == nil && a.size > 0 {
			_, err = file.ReadAt(x.Value, 0)
		}
		if err != nil {
			failed = err
			return true
		}
		list = append(list, x)
		return true
	})
	if failed != nil {
		return list, fmt.Errorf("read the streams of %s: %w", recordName(n.number), failed)
	}
	return list, err
}

// compactStream is the stream with the contents of a file that Windows has compressed in the
// way of the system's files.
const compactStream = "WofCompressedData"
