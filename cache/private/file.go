package private

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Flags belong to every open of a file in such a directory: no link is followed, a FIFO does not
// hang, and no child process inherits the file.
const Flags = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC

// Check refuses an open file in a checked directory if it is not a regular file; if a user who may
// not write to the directory made it or can write to it; and, if it is open for writing, if it has
// a second name.
func Check(f *os.File) error {
	st, err := regular(f)
	if err != nil {
		return err
	}
	var dir unix.Stat_t
	if err := unix.Stat(filepath.Dir(f.Name()), &dir); err != nil {
		return &fs.PathError{Op: "stat", Path: filepath.Dir(f.Name()), Err: err}
	}
	shared := dir.Mode&0o020 != 0 && st.Gid == dir.Gid // with the directory's group
	switch {
	case !ours(st.Uid) && st.Uid != dir.Uid && !shared:
		return foreign(f, fmt.Sprintf("it belongs to user %s", userName(st.Uid)))
	case st.Mode&0o002 != 0, st.Mode&0o020 != 0 && !shared && !ownGroup(st.Gid):
		return foreign(f, fmt.Sprintf("others can write to it (its mode is %04o)", st.Mode&0o7777))
	}
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil {
		return &fs.PathError{Op: "fcntl", Path: f.Name(), Err: err}
	}
	if st.Nlink > 1 && flags&unix.O_ACCMODE != unix.O_RDONLY {
		return &Error{f.Name(),
			fmt.Sprintf("it has %d names (hard links), and what is written would change "+
				"the others too", st.Nlink),
			"make it a file of its own: cp --sparse=always"}
	}
	return nil
}

// Mine is Check for a file in any directory: it refuses the file unless it belongs to the user of
// this process, has one name, and nobody else can write to it.
func Mine(f *os.File) error {
	st, err := regular(f)
	switch {
	case err != nil:
		return err
	case int(st.Uid) != os.Geteuid():
		return foreign(f, fmt.Sprintf("it belongs to user %s", userName(st.Uid)))
	case st.Mode&0o022 != 0:
		return foreign(f, fmt.Sprintf("others can write to it (its mode is %04o)", st.Mode&0o7777))
	case st.Nlink > 1:
		return foreign(f, fmt.Sprintf("it has %d names", st.Nlink))
	}
	return nil
}

func regular(f *os.File) (*unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, &fs.PathError{Op: "fstat", Path: f.Name(), Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, foreign(f, "it is a "+kind(st.Mode)+", not a regular file")
	}
	return &st, nil
}

func foreign(f *os.File, why string) error { return &Error{f.Name(), why, "move it away"} }
