package files

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// remember takes note of what a file with several names became.
func (c *copier) remember(n *Node, fd int, name string) {
	key := linkKey{n.tree, n.Ino}
	if c.links.first[key] == "" {
		return
	}
	id, err := idOf(fd, name)
	if err != nil {
		c.links.forget(n)
		return
	}
	if c.copies == nil {
		c.copies = map[linkKey]fileID{}
	}
	c.copies[key] = id
}

// link gives a file that was copied another name. linked is false if what has the
// first name is no longer that copy.
func (c *copier) link(n *Node, first string, fd int, name string) (linked bool, err error) {
	dir, last, err := c.openDirOf(first)
	if err != nil {
		return false, nil
	}
	if dir != c.top {
		defer unix.Close(dir)
	}
	var temp string
	for range 1000 {
		temp = c.tempName()
		if err = unix.Linkat(dir, last, fd, temp, 0); !errors.Is(err, unix.EEXIST) {
			break
		}
	}
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("make it a name of %s: %w", first, err)
	}
	defer unix.Unlinkat(fd, temp, 0) // rename leaves it if both are names of one file already
	if id, err := idOf(fd, temp); err != nil || id != c.copies[linkKey{n.tree, n.Ino}] {
		return false, nil
	}
	if err := moveTo(fd, temp, name, c.o.Replace); err != nil {
		return false, err
	}
	c.done.Files++
	return true, nil
}

// openDirOf opens the directory of a path below top; that is top itself for a name alone.
func (c *copier) openDirOf(path string) (dir int, last string, err error) {
	dir = c.top
	steps := strings.Split(path, "/")
	for _, step := range steps[:len(steps)-1] {
		next, err := openDir(dir, step, unix.O_NOFOLLOW)
		if dir != c.top {
			unix.Close(dir)
		}
		if err != nil {
			return -1, "", err
		}
		dir = next
	}
	return dir, steps[len(steps)-1], nil
}
