package files

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/restorefs/restorefs/fusefs/inside"
)

const (
	// maxDepth bounds how deep a walk goes: Linux has no paths that are deeper than
	// 2048 names, but can have such directories.
	maxDepth = 4096
	// entryBytes bounds the memory for entries that wait to be visited, of all
	// directories that a walk is in. What is more is visited as the disk has it.
	entryBytes = 16 << 20
)

// Visitor is what a walk is for.
type Visitor interface {
	// Enter is called for each file, and for a directory before what is in it. down
	// says whether to go into it.
	Enter(n *Node) (down bool, err error)
	// Leave is called for each directory that was gone into, after what is in it.
	Leave(n *Node) error
	// Problem is told what could not be read, by its path; the walk goes on.
	Problem(path string, err error)
}

// Walk visits a file and, if it is a directory, all that is in it, by name. The
// error is one of the visitor or that of ctx.
func Walk(ctx context.Context, start *Node, v Visitor) error {
	w := &walk{ctx: ctx, v: v, room: entryBytes, seed: maphash.MakeSeed()}
	return w.visit(start, 0)
}

type walk struct {
	ctx  context.Context
	v    Visitor
	seen inodes // directories
	room int    // what is left of entryBytes

	seed  maphash.Seed
	links int // that are kept, of all directories that the walk is in
}

// maxKeptLinks bounds them.
const maxKeptLinks = 1 << 18

var (
	errTwice = errors.New(
		"the file system is damaged: this directory is in two places, and was visited in " +
			"the other one",
	)
	// Who unpacks a tar would follow a symbolic link, and put the second one behind it.
	errSame  = errors.New("the file system is damaged: its directory has this name twice")
	errLinks = errors.New(
		"more symbolic links are in directories of this size than are kept in mind: " +
			"name this file alone",
	)
	errDeep = fmt.Errorf("it lies deeper than %d directories, and is not gone into", maxDepth)
)

func (w *walk) visit(n *Node, depth int) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	down, err := w.v.Enter(n)
	if err != nil || !down || !n.IsDir() {
		return err
	}
	first, ok := w.seen.add(n.Ino)
	switch {
	case depth == maxDepth:
		w.v.Problem(n.Path, errDeep)
	case !ok:
		w.v.Problem(n.Path, errMany)
	case !first:
		w.v.Problem(n.Path, errTwice)
	default:
		if err := w.inside(n, depth); err != nil {
			return err
		}
	}
	return w.v.Leave(n)
}

// inside visits what is in a directory.
func (w *walk) inside(dir *Node, depth int) error {
	last := "" // no entry has no name
	links := map[uint64]bool{}
	defer func() { w.links -= len(links) }()
	visit := func(e inside.Dirent, more bool) error {
		hash := uint64(0)
		if more || len(links) > 0 {
			hash = maphash.String(w.seed, e.Name)
		}
		if e.Name == last || links[hash] {
			return w.problem(join(dir.Path, e.Name), errSame)
		}
		last = e.Name
		n, err := dir.child(e.Name, e.Ino)
		if err == nil && more && n.IsLink() {
			if w.links == maxKeptLinks {
				err = errLinks
			} else {
				links[hash] = true
				w.links++
			}
		}
		if err != nil {
			return w.problem(join(dir.Path, e.Name), err)
		}
		return w.visit(n, depth+1)
	}
	var stop error // of a visit, as opposed to one of the directory
	err := w.entries(dir, func(e inside.Dirent, more bool) error {
		stop = visit(e, more)
		return stop
	})
	if stop != nil {
		return stop
	}
	if err != nil {
		return w.problem(dir.Path, err)
	}
	return nil
}

// problem tells the visitor, unless all ends.
func (w *walk) problem(path string, err error) error {
	if ended := w.ctx.Err(); ended != nil {
		return ended
	}
	w.v.Problem(path, err)
	return nil
}

// entries calls fn for each entry of a directory, in the order of their names as
// far as there is room for them. more says that others may come behind them that are not in that
// order, with the same names too.
func (w *walk) entries(dir *Node, fn func(e inside.Dirent, more bool) error) error {
	var list []inside.Dirent
	taken := 0
	flush := func(more bool) error {
		w.room -= taken
		defer func() { w.room += taken; list, taken = nil, 0 }()
		slices.SortFunc(list, func(a, b inside.Dirent) int { return cmp.Compare(a.Name, b.Name) })
		for _, e := range list {
			if err := fn(e, more); err != nil {
				return err
			}
		}
		return nil
	}
	failed := dir.tree.fs.ReadDir(dir.Ino, func(e inside.Dirent) error {
		list = append(list, e)
		if taken += len(e.Name) + 64; taken < w.room {
			return nil
		}
		return flush(true)
	})
	if err := flush(false); err != nil {
		return err
	}
	return failed
}

// inodes is a set of inodes. Those that are near to each other share memory: an XFS makes
// 64 at a time, anywhere on the disk.
type inodes struct{ pages map[uint64]uint64 }

const maxPages = 1 << 20 // of about 40 bytes

var errMany = errors.New(
	"the disk has more directories than are kept in mind; name this one to see what is in it",
)

// add adds an inode; first says that it was not there, ok that there was room.
func (s *inodes) add(ino uint64) (first, ok bool) {
	at, bit := ino>>6, uint64(1)<<(ino&63)
	page := s.pages[at]
	if page == 0 && len(s.pages) >= maxPages {
		return false, false
	}
	if s.pages == nil {
		s.pages = map[uint64]uint64{}
	}
	s.pages[at] = page | bit
	return page&bit == 0, true
}
