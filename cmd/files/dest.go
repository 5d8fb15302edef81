package files

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openDir opens a directory by one name, or by a path of the operator's.
func openDir(at int, name string, flags int) (int, error) {
	return unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|flags, 0)
}

// mountedOn says whether a directory is of another file system than the one that it is in.
func mountedOn(dir, up int) bool {
	var a, b unix.Stat_t
	return unix.Fstat(dir, &a) == nil && unix.Fstat(up, &b) == nil && a.Dev != b.Dev
}

// exists says whether a directory has a name, whatever it is.
func exists(fd int, name string) bool {
	var st unix.Stat_t
	return unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil
}

var errThere = errors.New("it is there already, and was left as it is: --force replaces it")

// moveTo gives a file its name.
func moveTo(fd int, temp, name string, replace bool) error {
	flags := uint(unix.RENAME_NOREPLACE)
	if replace {
		flags = 0
	}
	err := unix.Renameat2(fd, temp, fd, name, flags)
	if !replace &&
		(errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS)) { // not every file system can
		if err = unix.Linkat(fd, temp, fd, name, 0); err == nil { // which never replaces
			return unix.Unlinkat(fd, temp, 0)
		}
		if exists(fd, name) {
			err = unix.EEXIST
		} else {
			err = unix.Renameat(fd, temp, fd, name)
		}
	}
	if !replace && errors.Is(err, unix.EEXIST) {
		return errThere
	}
	if err != nil {
		return fmt.Errorf("give it its name: %w", err)
	}
	return nil
}

// symlink makes a symbolic link; what it says is data.
func (c *copier) symlink(n *Node, target string, fd int, name string) error {
	if err := unix.Symlinkat(target, fd, name); err != nil {
		return fmt.Errorf("make the symbolic link: %w", err)
	}
	if !c.o.All || !c.root {
		return nil
	}
	made, err := c.pin(n, fd, name)
	if err != nil {
		return err
	}
	defer unix.Close(made)
	return c.owner(n, made)
}

// special makes a pipe or a device.
func (c *copier) special(n *Node, fd int, name string) error {
	kind := uint32(unix.S_IFIFO)
	switch {
	case n.is(typeBlock):
		kind = unix.S_IFBLK
	case n.is(typeChar):
		kind = unix.S_IFCHR
	}
	if err := unix.Mknodat(fd, name, kind|0o600, int(n.Attr.Rdev)); err != nil {
		return fmt.Errorf("make the %s: %w", n.Kind(), err)
	}
	made, err := c.pin(n, fd, name)
	if err != nil {
		return err
	}
	defer unix.Close(made)
	if err := c.owner(n, made); err != nil {
		return err
	}
	// chmod takes no O_PATH descriptor but by this name.
	if err := unix.Chmod(fmt.Sprintf("/proc/self/fd/%d", made), n.Attr.Mode&0o7777); err != nil {
		return fmt.Errorf("set its mode: %w", err)
	}
	return nil
}

// pin returns a descriptor of what was just made and cannot be opened for real. Whoever
// may write in the directory could have put something else there, which must not
// become that of another user, or of another mode.
func (c *copier) pin(n *Node, fd int, name string) (int, error) {
	made, err := unix.Openat(fd, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open the %s that was made: %w", n.Kind(), err)
	}
	var st unix.Stat_t
	err = unix.Fstat(made, &st)
	if err == nil && (st.Mode&typeMask != n.Attr.Mode&typeMask || st.Nlink != 1) {
		err = errors.New("somebody has put something else in its place")
	}
	if err != nil {
		unix.Close(made)
		return -1, err
	}
	return made, nil
}

// owner gives what pin returned its owner.
func (c *copier) owner(n *Node, made int) error {
	if !c.o.All || !c.root {
		return nil
	}
	uid, gid := int(n.Attr.UID), int(n.Attr.GID)
	if err := unix.Fchownat(made, "", uid, gid, unix.AT_EMPTY_PATH); err != nil {
		return fmt.Errorf("give it to the user %d and group %d: %w", n.Attr.UID, n.Attr.GID, err)
	}
	return nil
}

// dress gives an open file or directory all but its times, if all is to be kept. has is what it has
// already, nil if that is not known.
func (c *copier) dress(n *Node, fd int, has *given) error {
	if !c.o.All {
		return nil
	}
	mode := n.Attr.Mode & 0o7777
	uid, gid := int(n.Attr.UID), int(n.Attr.GID)
	if !c.root {
		if uid != os.Geteuid() || gid != os.Getegid() {
			mode &^= 0o6000 // it would run as somebody else than it did
		}
	} else if has == nil || uid != has.uid || gid != has.gid {
		if err := unix.Fchown(fd, uid, gid); err != nil {
			return fmt.Errorf("give it to the user %d and group %d: %w", uid, gid, err)
		}
	}
	// Before the mode: who may not write a file may not set its attributes, and one can change it.
	any, err := c.setXattrs(n, fd)
	if err != nil || !any && has != nil && has.mode == mode {
		return err
	}
	if err := unix.Fchmod(fd, mode); err != nil {
		return fmt.Errorf("set its mode: %w", err)
	}
	return nil
}

// setXattrs gives an open file or directory its extended attributes, if it has any.
func (c *copier) setXattrs(n *Node, fd int) (any bool, err error) {
	list, err := n.xattrs(c.Problem)
	if err != nil {
		return false, fmt.Errorf("read its extended attributes: %w", err)
	}
	for _, x := range list {
		if err := unix.Fsetxattr(fd, x.Name, x.Value, 0); isFull(err) && !hasRoom(fd) {
			return true, fmt.Errorf("set an extended attribute: %w", err)
		} else if err != nil { // as cp -a: the target cannot have it, or not from this user
			c.unset(x.Name)
		}
	}
	return len(list) > 0, nil
}

// hasRoom says whether there is room for any extended attribute. Some file systems, such
// as ext4, have too little for a large one in a file, and say as well that they are full.
func hasRoom(fd int) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && st.Bavail*uint64(st.Bsize) > 1<<20
}

// maxUnset bounds the names of attributes that are told.
const maxUnset = 16

// unset counts an attribute that could not be set.
func (c *copier) unset(name string) {
	if _, known := c.done.Attributes[name]; !known && len(c.done.Attributes) >= maxUnset {
		name = "others"
	}
	c.done.Attributes[name]++
}

// setTimes sets the times of a file by its name.
func setTimes(n *Node, fd int, name string) error {
	var times [2]unix.Timespec
	for i, t := range []int64{n.Attr.Atime.Unix(), n.Attr.Mtime.Unix()} {
		times[i].Sec = t
	}
	times[0].Nsec, times[1].Nsec = int64(
		n.Attr.Atime.Nanosecond(),
	), int64(
		n.Attr.Mtime.Nanosecond(),
	)
	if err := unix.UtimesNanoAt(fd, name, times[:], unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("set its times: %w", err)
	}
	return nil
}
