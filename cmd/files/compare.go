package files

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/fusefs/inside"
)

// Kinds of a [Change].
const (
	Added    = "added"
	Removed  = "removed"
	Changed  = "changed"  // its contents, or where it leads
	Metadata = "metadata" // all but that: mode, owner, time, extended attributes
)

// Change is a file that differs between two disks.
type Change struct {
	Kind string
	A, B *Node // nil on the disk that does not have it
}

// Node returns the file: as the second disk has it, if it does.
func (c Change) Node() *Node { return cmp.Or(c.B, c.A) }

// CompareOptions say to whom a comparison is told. Neither may be nil.
type CompareOptions struct {
	Found  func(Change) error // its error ends the comparison
	Failed func(path string, err error)
}

// Compare compares the files of two parts of disks, by their roots. differs are the ranges in
// which the disks differ, in order, as far as that is known: others are equal. The contents of a
// file are read only if they lie elsewhere, or in one of these ranges.
func Compare(ctx context.Context, a, b *Disk, rootA, rootB *Node, differs []backupstore.Range,
	o CompareOptions) error {
	c := &comparer{ctx: ctx, a: a, b: b, o: o, differs: differs, room: 2 * entryBytes}
	return c.pair(rootA, rootB, 0)
}

type comparer struct {
	ctx          context.Context
	a, b         *Disk
	o            CompareOptions
	differs      []backupstore.Range
	seenA, seenB inodes
	room         int // for entries of directories
	bufA, bufB   []byte
}

// failed tells what could not be compared, unless all ends.
func (c *comparer) failed(path string, err error) error {
	if ended := c.ctx.Err(); ended != nil {
		return ended
	}
	c.o.Failed(path, err)
	return nil
}

// pair compares two files of one path.
func (c *comparer) pair(a, b *Node, depth int) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if a.Attr.Mode&typeMask != b.Attr.Mode&typeMask {
		if err := c.whole(Removed, a); err != nil {
			return err
		}
		return c.whole(Added, b)
	}
	kind, err := c.kind(a, b)
	if err != nil {
		if err := c.failed(b.Path, err); err != nil {
			return err
		}
	} else if kind != "" {
		if err := c.o.Found(Change{kind, a, b}); err != nil {
			return err
		}
	}
	if !b.IsDir() {
		return nil
	}
	return c.inside(a, b, depth)
}

// whole gives all that is in a tree that the other disk does not have.
func (c *comparer) whole(kind string, n *Node) error {
	return Listing{Deep: true, Self: true, Failed: c.o.Failed, Found: func(n *Node) error {
		if kind == Removed {
			return c.o.Found(Change{kind, n, nil})
		}
		return c.o.Found(Change{kind, nil, n})
	}}.List(c.ctx, n)
}

// kind says how two files of the same type differ, "" if they do not.
func (c *comparer) kind(a, b *Node) (string, error) {
	differs, err := c.holdsOther(a, b)
	if err != nil {
		return "", err
	}
	if differs {
		return Changed, nil
	}
	x, y := a.Attr, b.Attr
	// The time of a directory is that of what was made in it, which is told.
	if x.Mode != y.Mode || x.UID != y.UID || x.GID != y.GID ||
		!b.IsDir() && !x.Mtime.Equal(y.Mtime) {
		return Metadata, nil
	}
	if a.Ino == b.Ino && x.Ctime.Equal(y.Ctime) {
		return "", nil // attributes do not change without that time
	}
	return c.attributes(a, b)
}

// holdsOther reports whether what two nodes of one kind hold differs.
func (c *comparer) holdsOther(a, b *Node) (bool, error) {
	switch {
	case b.IsRegular():
		same, err := c.sameContents(a, b)
		if err != nil {
			return false, err
		}
		return !same, nil
	case b.IsLink():
		one, err := a.Target()
		if err != nil {
			return false, err
		}
		other, err := b.Target()
		if err != nil {
			return false, err
		}
		return one != other, nil
	}
	return b.IsDevice() && a.Attr.Rdev != b.Attr.Rdev, nil
}

// attributes compares the extended attributes.
func (c *comparer) attributes(a, b *Node) (string, error) {
	one, err := a.tree.fs.Xattrs(a.Ino)
	if err != nil {
		return "", fmt.Errorf("read its extended attributes: %w", err)
	}
	other, err := b.tree.fs.Xattrs(b.Ino)
	if err != nil {
		return "", fmt.Errorf("read its extended attributes: %w", err)
	}
	for _, list := range [][]inside.Xattr{one, other} {
		slices.SortFunc(list, func(a, b inside.Xattr) int { return cmp.Compare(a.Name, b.Name) })
	}
	same := slices.EqualFunc(one, other, func(a, b inside.Xattr) bool {
		return a.Name == b.Name && bytes.Equal(a.Value, b.Value)
	})
	if !same {
		return Metadata, nil
	}
	return "", nil
}

// sameContents says whether two regular files have the same contents.
func (c *comparer) sameContents(a, b *Node) (bool, error) {
	if a.Attr.Size != b.Attr.Size {
		return false, nil
	}
	one, err := a.content()
	if err != nil {
		return false, err
	}
	other, err := b.content()
	if err != nil {
		return false, err
	}
	placeA, err := c.a.layout(one)
	if err != nil {
		return false, err
	}
	placeB, err := c.b.layout(other)
	if err != nil {
		return false, err
	}
	if placeA != nil && placeB != nil && placeA.equal(placeB) &&
		!slices.ContainsFunc(placeB.at, c.touches) {
		return true, nil
	}
	return c.read(one, other)
}

// touches says whether the disks may differ in a range.
func (c *comparer) touches(r backupstore.Range) bool {
	i, _ := slices.BinarySearchFunc(c.differs, r.Off, func(d backupstore.Range, off int64) int {
		return cmp.Compare(d.Off+d.Len-1, off)
	})
	return i < len(c.differs) && c.differs[i].Off < r.Off+r.Len
}

// read compares contents by reading both.
func (c *comparer) read(a, b inside.File) (bool, error) {
	if c.bufA == nil {
		c.bufA, c.bufB = make([]byte, pieceBytes), make([]byte, pieceBytes)
	}
	for off := int64(0); off < a.Size(); {
		if err := c.ctx.Err(); err != nil {
			return false, err
		}
		next := a.Size() // of both: what lies before it are holes
		for _, f := range []inside.File{a, b} {
			begin, _, err := f.NextData(off)
			if err != nil && !errors.Is(err, io.EOF) {
				return false, err
			}
			if err == nil {
				next = min(next, begin)
			}
		}
		n := min(int64(pieceBytes), a.Size()-next)
		for _, side := range []struct {
			f inside.File
			p []byte
		}{{a, c.bufA[:n]}, {b, c.bufB[:n]}} {
			if _, err := side.f.ReadAt(side.p, next); err != nil && !errors.Is(err, io.EOF) {
				return false, err
			}
		}
		if !bytes.Equal(c.bufA[:n], c.bufB[:n]) {
			return false, nil
		}
		off = next + n
	}
	return true, nil
}
