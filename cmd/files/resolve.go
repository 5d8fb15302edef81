package files

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/fusefs/inside"
)

const (
	// maxLinks bounds the symbolic links followed for one path, as Linux does.
	maxLinks = 40
	// maxNames bounds the names that one path comes to with its links.
	maxNames = 8192
)

// PlaceError says that a path names no one file.
type PlaceError struct {
	Path string
	// In are the parts that have the path: none, or several.
	In []*inside.Part
	// Looked are the parts that were looked into.
	Looked []*inside.Part
	// Closed are the parts whose files are not read here.
	Closed []*inside.Part
	// Unread are the parts whose file system could not be opened, or read as far.
	Unread []error
}

func (e *PlaceError) Error() string {
	text := fmt.Sprintf("%s: no such file on %s", e.Path, partNames(e.Looked))
	switch {
	case len(e.In) > 1:
		text = fmt.Sprintf(
			"%s is on %s: write the part before it, such as %s:%s",
			e.Path,
			partNames(e.In),
			e.In[0].Name,
			e.Path,
		)
	case len(e.Looked) == 0 && len(e.Unread) == 0:
		text = "there is no file system on the disk whose files are read here"
	case len(e.Looked) == 0:
		text = e.Path + ": no file system could be read"
	}
	for _, err := range e.Unread {
		text += "; " + err.Error()
	}
	for _, p := range e.Closed {
		text += "; " + (&inside.UnreadableError{Part: p}).Error()
	}
	return text
}

// Unwrap returns why parts could not be read, and fs.ErrNotExist if nothing else is wrong.
func (e *PlaceError) Unwrap() []error {
	if len(e.In)+len(e.Unread) == 0 && len(e.Looked) > 0 {
		return []error{fs.ErrNotExist}
	}
	return e.Unread
}

func partNames(parts []*inside.Part) string {
	var out []string
	for _, p := range parts {
		out = append(out, p.Name)
	}
	return strings.Join(out, " and ")
}

// Find finds a file by its path: /etc/fstab, where exactly one of the disk's file
// systems has that, or p2:/etc/fstab. follow says to follow a symbolic link that
// the path ends with, as it does when a slash ends the path. note, which may be
// empty, says what could not be looked at and did not matter.
func (d *Disk) Find(path string, follow bool) (n *Node, note string, err error) {
	parts, inPart, err := d.choose(path)
	if err != nil {
		return nil, "", err
	}
	failed := &PlaceError{Path: path}
	for _, p := range parts {
		if !p.Readable() && len(parts) > 1 {
			if !p.Container && (p.Kind != "" || p.Err != nil) {
				failed.Closed = append(failed.Closed, p)
			}
			continue
		}
		t := d.tree(p)
		if t.err != nil {
			failed.Unread = append(failed.Unread, t.err)
			continue
		}
		found, err := t.find(inPart, follow)
		switch {
		case err == nil:
			n = found
			failed.In = append(failed.In, p)
			fallthrough
		case missing(err):
			failed.Looked = append(failed.Looked, p)
		default:
			failed.Unread = append(failed.Unread, fmt.Errorf("%s: %w", p.Name, err))
		}
	}
	if len(failed.In) != 1 {
		return nil, "", failed
	}
	if len(failed.Unread) > 0 {
		note = errors.Join(failed.Unread...).Error()
	}
	return n, note, nil
}

// choose returns the parts in which a path may be, and the path within them.
func (d *Disk) choose(path string) (parts []*inside.Part, inPart string, err error) {
	name, rest, ok := strings.Cut(path, ":")
	if !ok || strings.HasPrefix(path, "/") {
		return d.Parts, path, nil
	}
	p := d.part(name)
	switch {
	case p == nil && (looksLikePart(name) || d.looksLikeVolume(name, rest)):
		return nil, "", &NoPartError{Name: name}
	case p == nil:
		return d.Parts, path, nil
	}
	return []*inside.Part{p}, rest, d.tree(p).err
}

// NoPartError says that a disk has no part of that name.
type NoPartError struct{ Name string }

func (e *NoPartError) Error() string { return "the disk has no part " + e.Name }

// part returns the part of that name, or nil.
func (d *Disk) part(name string) *inside.Part {
	for _, p := range d.Parts {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// looksLikePart says whether somebody who wrote it meant a partition.
func looksLikePart(name string) bool {
	digits := strings.TrimPrefix(name, "p")
	return name == inside.Whole || digits != "" && strings.Trim(digits, "0123456789") == ""
}

// looksLikeVolume says whether somebody who wrote it meant a logical volume, on a disk that has
// some.
func (d *Disk) looksLikeVolume(name, rest string) bool {
	return strings.Count(name, "/") == 1 && strings.HasPrefix(rest, "/") &&
		slices.ContainsFunc(d.Parts,
			func(p *inside.Part) bool { return strings.Contains(p.Name, "/") })
}

// errNoDirectory is the error for a path that goes through a file.
var errNoDirectory = errors.New("it is no directory")

// missing says whether an error means that there is no such file.
func missing(
	err error,
) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoDirectory)
}

// find follows a path from the root. Links lead nowhere but into the file system:
// an absolute one begins at its root.
func (t *tree) find(path string, follow bool) (*Node, error) {
	root, err := t.root()
	if err != nil {
		return nil, err
	}
	at := []*Node{root} // the way to where we are
	todo := split(path)
	follow = follow || strings.HasSuffix(path, "/")
	followed, steps := 0, 0
	for len(todo) > 0 {
		if steps++; steps > maxNames {
			return nil, fmt.Errorf(
				"%s: its symbolic links make it longer than %d names",
				path,
				maxNames,
			)
		}
		name := todo[0]
		todo = todo[1:]
		if name == ".." {
			at = at[:max(len(at)-1, 1)]
			continue
		}
		n, err := t.step(at[len(at)-1], name)
		if err != nil {
			return nil, err
		}
		if !n.IsLink() || len(todo) == 0 && !follow {
			at = append(at, n)
			continue
		}
		if followed++; followed > maxLinks {
			return nil, fmt.Errorf("%s: it has more than %d symbolic links", path, maxLinks)
		}
		target, err := n.Target()
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(target, "/") {
			at = at[:1]
		}
		todo = slices.Concat(split(target), todo)
	}
	return at[len(at)-1], nil
}

// step goes from a directory to what it has under a name.
func (t *tree) step(dir *Node, name string) (*Node, error) {
	if !dir.IsDir() {
		return nil, fmt.Errorf("%s: %w", dir.Path, errNoDirectory)
	}
	ino, err := t.fs.Lookup(dir.Ino, name)
	if err != nil {
		return nil, err
	}
	return dir.child(name, ino)
}

// split returns the names of a path, without those that mean nothing.
func split(path string) []string {
	return slices.DeleteFunc(
		strings.Split(path, "/"),
		func(s string) bool { return s == "" || s == "." },
	)
}
