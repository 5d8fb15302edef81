package files

import "golang.org/x/sys/unix"

// target is an open directory of the copy.
type target struct {
	fd   int
	path string // below top, "" for top itself
	name string // in the one before it
	made bool   // by this copy; one that keeps all (-a) is also private

	known       bool   // what files are given that are made in it:
	uid, gid    int    // their owner,
	asked, bits uint32 // and which of the bits of modes that were asked for
}

// private says whether nobody but this process's user (and root) can change what is in an open
// directory: what a copy that keeps all makes is so until all is in it. The bits of the group also
// bound what an ACL gives.
func private(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && int(st.Uid) == unix.Geteuid() && st.Mode&0o077 == 0
}

// given is what an open file has.
type given struct {
	uid, gid int
	mode     uint32
}

// given returns what a file has that was just made in the directory with a mode; nil if that is not
// known. Masks of the process and of the directory may have taken from the mode, and the directory
// may have given it a group: for most files others that were made there have told.
func (d *target) given(fd int, mode uint32) *given {
	if !d.made {
		return nil
	}
	if !d.known || mode&^d.asked != 0 {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil {
			return nil
		}
		d.known, d.uid, d.gid = true, int(st.Uid), int(st.Gid)
		d.asked |= mode
		d.bits |= st.Mode & mode
	}
	return &given{d.uid, d.gid, mode & d.bits}
}

// fileID is which file of the target something is.
type fileID struct{ dev, ino uint64 }

// idOf returns which file a directory has under a name.
func idOf(fd int, name string) (fileID, error) {
	var st unix.Stat_t
	err := unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	return fileID{uint64(st.Dev), st.Ino}, err
}
