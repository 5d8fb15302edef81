package files

import (
	"cmp"
	"errors"
	"slices"

	"github.com/restorefs/restorefs/fusefs/inside"
)

var errManyNames = errors.New("it has more names than can be compared")

// inside compares what is in two directories.
func (c *comparer) inside(a, b *Node, depth int) error {
	switch {
	case depth == maxDepth:
		return c.failed(b.Path, errDeep)
	case !c.enter(a, b):
		return c.failed(b.Path, errTwice)
	}
	one, bytesA, err := c.names(a)
	defer func() { c.room += bytesA }()
	if err != nil {
		return c.failed(a.Path, err)
	}
	other, bytesB, err := c.names(b)
	defer func() { c.room += bytesB }()
	if err != nil {
		return c.failed(b.Path, err)
	}
	for len(one) > 0 || len(other) > 0 {
		var x, y *inside.Dirent
		order := 0
		switch {
		case len(one) == 0:
			order = 1
		case len(other) == 0:
			order = -1
		default:
			order = cmp.Compare(one[0].Name, other[0].Name)
		}
		if order <= 0 {
			x, one = &one[0], one[1:]
		}
		if order >= 0 {
			y, other = &other[0], other[1:]
		}
		if err := c.entry(a, b, x, y, depth); err != nil {
			return err
		}
	}
	return nil
}

// enter says whether neither directory was entered before.
func (c *comparer) enter(a, b *Node) bool {
	first, ok := c.seenA.add(a.Ino)
	again, okB := c.seenB.add(b.Ino)
	return first && ok && again && okB
}

// entry compares what is under a name, which one of the directories may not have.
func (c *comparer) entry(a, b *Node, x, y *inside.Dirent, depth int) error {
	var nodes [2]*Node
	for i, side := range []struct {
		dir *Node
		e   *inside.Dirent
	}{{a, x}, {b, y}} {
		if side.e == nil {
			continue
		}
		n, err := side.dir.child(side.e.Name, side.e.Ino)
		if err != nil {
			return c.failed(join(side.dir.Path, side.e.Name), err)
		}
		nodes[i] = n
	}
	switch {
	case nodes[0] == nil:
		return c.whole(Added, nodes[1])
	case nodes[1] == nil:
		return c.whole(Removed, nodes[0])
	}
	return c.pair(nodes[0], nodes[1], depth+1)
}

// names returns the entries of a directory by their names, and what they take of the room.
func (c *comparer) names(dir *Node) (list []inside.Dirent, taken int, err error) {
	err = dir.tree.fs.ReadDir(dir.Ino, func(e inside.Dirent) error {
		if taken += len(e.Name) + 64; taken > c.room {
			return errManyNames
		}
		list = append(list, e)
		return nil
	})
	c.room -= taken
	slices.SortFunc(list, func(a, b inside.Dirent) int { return cmp.Compare(a.Name, b.Name) })
	return list, taken, err
}
