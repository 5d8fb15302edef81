package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/fusefs/inside"
)

// Copy copies files and directories with all that is in them to dest: into it if it
// is a directory, else there must be one, and that is what it is called. The root of
// a file system becomes dest itself. The error says why nothing more could be
// copied; what failed for one file is in the result. Without an error all that was
// copied is on stable storage.
func Copy(ctx context.Context, nodes []*Node, dest string, o CopyOptions) (Copied, error) {
	c := &copier{ctx: ctx, o: o, root: os.Geteuid() == 0,
		buffer: make([]byte, pieceBytes), meter: meter{}}
	c.done.Attributes = map[string]int{}
	if err := checkNames(nodes, dest); err != nil {
		return c.done, err
	}
	into, name, err := destination(nodes, dest)
	if err != nil {
		return c.done, err
	}
	c.top, err = openDir(unix.AT_FDCWD, into, 0)
	if err != nil {
		return c.done, fmt.Errorf("open the directory %s: %w", into, err)
	}
	defer unix.Close(c.top)
	for _, n := range nodes {
		if err := c.copy(n, name); err != nil {
			return c.done, err
		}
	}
	c.done.Separate = c.links.full
	return c.done, c.settle(c.top, into)
}

// checkNames refuses directories whose contents would be mixed: those of one name, or a root and
// something else.
func checkNames(nodes []*Node, dest string) error {
	seen := map[string]*Node{}
	for i, n := range nodes {
		other := seen[n.Name()]
		if n.Name() == "" && len(nodes) > 1 {
			other = nodes[(i+1)%len(nodes)]
		}
		if other != nil && n.IsDir() {
			return fmt.Errorf(
				"%s of %s and %s of %s would be mixed in %s: copy each into a directory of its own",
				other.Path, other.Part().Name, n.Path, n.Part().Name, dest)
		}
		if n.IsDir() {
			seen[n.Name()] = n
		}
	}
	return nil
}

// copy copies one of the nodes; name is what it is called if it is not to keep its name.
func (c *copier) copy(n *Node, name string) error {
	c.dirs, c.start, c.name = []target{{fd: c.top}}, n, name
	if name == "" {
		c.name = n.Name()
	}
	defer func() {
		for _, d := range c.dirs[1:] {
			unix.Close(d.fd)
		}
	}()
	return Walk(c.ctx, n, c)
}

// destination returns the directory into which files are copied, and what the one
// file is called there; "": as it was.
func destination(nodes []*Node, dest string) (into, name string, err error) {
	st, err := os.Stat(dest)
	switch {
	case err == nil && st.IsDir():
		return dest, "", nil
	case len(nodes) != 1:
		return "", "", fmt.Errorf(
			"%s is no directory, and several files are to go there: make it first",
			dest,
		)
	case err == nil && nodes[0].IsDir():
		return "", "", fmt.Errorf("%s is a file, and %s a directory", dest, nodes[0].Path)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return "", "", err
	case err != nil && strings.HasSuffix(dest, "/") && !nodes[0].IsDir():
		return "", "", fmt.Errorf("%s is no directory: make it first", dest)
	}
	dest = filepath.Clean(dest)
	return filepath.Dir(dest), filepath.Base(dest), nil
}

// Enter implements Visitor.
func (c *copier) Enter(n *Node) (down bool, err error) {
	name := n.Name()
	if n == c.start {
		name = c.name
	}
	if n.IsDir() {
		err = c.enterDir(n, name)
		down = err == nil
	} else {
		err = c.copyOne(n, name)
	}
	if err == nil {
		return down, nil
	}
	if c.ctx.Err() != nil {
		return false, c.ctx.Err()
	}
	if _, shared := errors.AsType[*sharedError](err); shared || isFull(err) {
		return false, fmt.Errorf("copy %s: %w", n.Path, err)
	}
	c.Problem(n.Path, err)
	return false, nil
}

// enterDir makes a directory, or opens the one that is there.
func (c *copier) enterDir(n *Node, name string) error {
	up := c.at()
	if name == "" { // the root of a file system becomes the directory that is there
		fd, err := openDir(up.fd, ".", 0)
		if err != nil {
			return err
		}
		c.dirs = append(c.dirs, target{fd: fd})
		return nil
	}
	if err := checkName(name); err != nil {
		return err
	}
	mode := n.Attr.Mode & 0o777
	if c.o.All {
		mode = 0
	}
	err := unix.Mkdirat(up.fd, name, mode|0o700)
	made := err == nil
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("make the directory: %w", err)
	}
	fd, err := openDir(up.fd, name, unix.O_NOFOLLOW)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return errors.New(
			"something is there that is no directory: remove it, or choose another place",
		)
	}
	if err != nil {
		return fmt.Errorf("open the directory: %w", err)
	}
	// Who may write in the one before it could have put another in its place by now.
	made = made && (!c.o.All || private(fd))
	c.dirs = append(
		c.dirs,
		target{fd: fd, path: strings.TrimPrefix(up.path+"/"+name, "/"), name: name, made: made},
	)
	c.done.Directories++
	return nil
}

// Leave implements Visitor. Now nothing more is written into the directory, which would
// change its times.
func (c *copier) Leave(n *Node) error {
	d := *c.at()
	c.dirs = c.dirs[:len(c.dirs)-1]
	defer unix.Close(d.fd)
	if !d.made && mountedOn(d.fd, c.at().fd) {
		if err := c.settle(d.fd, d.path); err != nil {
			return err
		}
	}
	if d.name == "" || !d.made && !c.o.All {
		return nil
	}
	err := c.dress(n, d.fd, nil)
	if lacks := 0o700 &^ n.Attr.Mode & 0o700; err == nil && !c.o.All && lacks != 0 {
		var st unix.Stat_t
		if err = unix.Fstat(d.fd, &st); err == nil {
			err = unix.Fchmod(d.fd, st.Mode&0o7777&^lacks)
		}
	}
	if err == nil {
		err = setTimes(n, c.at().fd, d.name)
	}
	if err != nil {
		c.Problem(n.Path, err)
	}
	return nil
}

// copyOne copies what is no directory.
func (c *copier) copyOne(n *Node, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if why := c.leaves(n); why != "" {
		c.o.Left(n.Path, why)
		return nil
	}
	up := c.at()
	if !c.o.Replace && !up.made && exists(up.fd, name) {
		return errThere // before it is read; else moveTo tells
	}
	path := strings.TrimPrefix(up.path+"/"+name, "/")
	if c.o.All {
		if first := c.links.other(n, path); first != "" {
			if linked, err := c.link(n, first, up.fd, name); linked || err != nil {
				return err
			}
			c.links.forget(n) // another file has that name by now
			c.links.other(n, path)
		}
	}
	if err := c.make(n, up.fd, name); err != nil {
		c.links.forget(n)
		return err
	}
	c.remember(n, up.fd, name)
	switch {
	case n.IsRegular():
		c.done.Files++
	case n.IsLink():
		c.done.Links++
	default:
		c.done.Others++
	}
	return nil
}

// leaves says why a file is left out, "" for most.
func (c *copier) leaves(n *Node) string {
	switch {
	case n.is(typeSocket):
		return "a socket, which is of no use without the program that made it"
	case n.IsDevice() && !(c.o.All && c.root):
		return "a device, which root can copy with -a"
	case n.is(typeFIFO) && !c.o.All:
		return "a pipe, which is copied with -a"
	case !n.IsRegular() && !n.IsLink() && !n.IsDevice() && !n.is(typeFIFO):
		return "its type is not known"
	}
	return ""
}

// make makes a file under another name and then gives it its own.
func (c *copier) make(n *Node, fd int, name string) error {
	c.replaces = c.o.Replace && exists(fd, name)
	temp, err := c.makeTemp(n, fd)
	if err == nil {
		if err = setTimes(n, fd, temp); err == nil {
			err = moveTo(fd, temp, name, c.o.Replace)
		}
	}
	if err != nil && temp != "" {
		unix.Unlinkat(fd, temp, 0)
	}
	return err
}

// makeTemp makes a file under a name that nobody has.
func (c *copier) makeTemp(n *Node, fd int) (temp string, err error) {
	var target string
	if n.IsLink() {
		if target, err = n.Target(); err != nil {
			return "", err
		}
	}
	var content inside.File
	if n.IsRegular() {
		if content, err = n.content(); err != nil {
			return "", err
		}
	}
	for range 1000 {
		temp = c.tempName()
		switch {
		case content != nil:
			err = c.regular(n, content, fd, temp)
		case n.IsLink():
			err = c.symlink(n, target, fd, temp)
		default:
			err = c.special(n, fd, temp)
		}
		if !errors.Is(err, unix.EEXIST) {
			return temp, err
		}
	}
	return "", err
}
