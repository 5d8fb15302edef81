package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrForeign is the cause of an Error: others made the directory or file, or can write to it.
var ErrForeign = errors.New("others can write to it")

// Error says that a directory or file is not used.
type Error struct {
	Path string // of the directory or file at fault
	Why  string // what is wrong with it
	Do   string // what the operator can do
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s is not used: %s; %s", e.Path, e.Why, e.Do) }

// Is makes it an ErrForeign.
func (e *Error) Is(target error) bool { return target == ErrForeign }

// Rule says which users are trusted with a directory besides the process's own and root.
type Rule struct {
	// Group, if not 0, is the id of a group whose members are trusted: a directory
	// of that group may belong to any of them and be writable for the group.
	Group int
}

// Dir makes a directory and those above it, with mode 0700, as far as they do not exist, and checks
// that the directory belongs to the user or to root, that nobody else can write to it, and that
// nobody else can replace it. The path may lead through symbolic links that belong to the user or
// root.
func Dir(path string, r Rule) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return madeError(path, err)
	}
	return Existing(path, r)
}

// madeError returns the error of MkdirAll in better words. If a directory exists but its file
// system gives an error for it, MkdirAll returns fs.ErrExist.
func madeError(path string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		if _, looked := os.Stat(path); looked != nil {
			return fmt.Errorf("look at the directory %s: %w", path, cause(looked))
		}
		return fmt.Errorf("make the directory %s: there is something else of that name", path)
	}
	return err
}

func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// Existing is Dir for a directory that must be there already.
func Existing(path string, r Rule) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if err := r.checkLink(path); err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if err := r.check(real); err != nil {
		return err
	}
	for above := filepath.Dir(real); ; above = filepath.Dir(above) {
		if err := r.checkAbove(above); err != nil {
			return err
		}
		if above == "/" {
			return nil
		}
	}
}

// Sub makes a directory inside one that was checked, and checks it. A symbolic link of that name is
// refused.
func Sub(dir, name string, r Rule) (path string, err error) {
	path = filepath.Join(dir, name)
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return path, r.check(path)
}

// check refuses a directory that does not satisfy r. path must not be a link.
func (r Rule) check(path string) error {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return &Error{path, "it is a " + kind(st.Mode) + ", not a directory",
			"move it away, or choose another directory"}
	}
	mode := fmt.Sprintf("its mode is %04o", st.Mode&0o7777)
	trusted := r.Group != 0 && int(st.Gid) == r.Group
	if !ours(st.Uid) && !trusted {
		do := "choose another directory, or chown it"
		if st.Gid != 0 { // a Rule cannot name group 0
			do += fmt.Sprintf("; --trust-group %s trusts the members of that group",
				groupName(st.Gid))
		}
		return &Error{path, fmt.Sprintf("it belongs to user %s, not to %s (%s, group %s)",
			userName(st.Uid), userName(uint32(os.Geteuid())), mode, groupName(st.Gid)), do}
	}
	if st.Mode&0o002 != 0 {
		return &Error{path, fmt.Sprintf("all users can write to it (%s, user %s)", mode,
			userName(st.Uid)), "choose another directory, or chmod o-w it"}
	}
	if st.Mode&0o020 != 0 && !trusted && !ownGroup(st.Gid) {
		group := groupName(st.Gid)
		return &Error{path, fmt.Sprintf("members of the group %s can write to it (%s, user %s)",
			group, mode, userName(st.Uid)),
			trustHint(st.Gid)}
	}
	return nil
}

func trustHint(gid uint32) string {
	if gid == 0 { // a Rule cannot name group 0
		return "chmod g-w it"
	}
	return "chmod g-w it, or trust them: --trust-group " + groupName(gid)
}

// checkLink refuses a symbolic link that belongs to another user.
func (r Rule) checkLink(path string) error {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK || ours(st.Uid) {
		return nil
	}
	return &Error{path, fmt.Sprintf("it is a symbolic link of user %s", userName(st.Uid)),
		"name the directory itself"}
}

// checkAbove refuses a directory in which others can rename: its owner always can, those who may
// write to it unless it is sticky (inode(7)).
func (r Rule) checkAbove(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	trusted := r.Group != 0 && int(st.Gid) == r.Group
	sticky := st.Mode&unix.S_ISVTX != 0
	mode := fmt.Sprintf("its mode is %04o", st.Mode&0o7777)
	switch {
	case !ours(st.Uid) && !trusted && !unmapped(st.Uid):
		do := "choose a directory elsewhere, or chown it"
		if st.Gid != 0 { // a Rule cannot name group 0
			do += ", or trust its group: --trust-group " + groupName(st.Gid)
		}
		return &Error{path, fmt.Sprintf("user %s, to whom it belongs, can rename what is in it",
			userName(st.Uid)), do}
	case st.Mode&0o002 != 0 && !sticky:
		return &Error{path, fmt.Sprintf("all users can rename what is in it (%s)", mode),
			"choose a directory elsewhere, or chmod o-w it"}
	case st.Mode&0o020 != 0 && !sticky && !trusted && !ownGroup(st.Gid):
		return &Error{path, fmt.Sprintf("members of the group %s can rename what is in it (%s)",
			groupName(st.Gid), mode), trustHint(st.Gid)}
	}
	return nil
}

// unmapped reports whether a user id may stand for any that this user namespace does not have, the
// machine's root among them (user_namespaces(7)).
func unmapped(uid uint32) bool {
	overflow, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	if err != nil || strings.TrimSpace(string(overflow)) != strconv.Itoa(int(uid)) {
		return false
	}
	users, err := os.ReadFile("/proc/self/uid_map")
	f := strings.Fields(string(users))
	return err == nil && (len(f) < 3 || f[1] != "0" || f[2] != "4294967295")
}

func ours(uid uint32) bool { return uid == 0 || int(uid) == os.Geteuid() }

// ownGroup reports whether a group has only the user as a member, judged by its name: distributions
// with such groups have an umask of 0002.
func ownGroup(gid uint32) bool {
	if int(gid) != os.Getegid() {
		return false
	}
	return gid == 0 || groupName(gid) == userName(uint32(os.Geteuid()))
}

func userName(uid uint32) string {
	id := strconv.Itoa(int(uid))
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

func groupName(gid uint32) string {
	id := strconv.Itoa(int(gid))
	if g, err := user.LookupGroupId(id); err == nil {
		return g.Name
	}
	return id
}

func kind(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "regular file"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "symbolic link"
	case unix.S_IFIFO:
		return "named pipe"
	case unix.S_IFBLK, unix.S_IFCHR:
		return "device"
	}
	return "socket"
}
