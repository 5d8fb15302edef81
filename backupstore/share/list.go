package share

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// recordBytes is the size of the buffer for list: some 60 names of a backup's
// files.
const recordBytes = 8 << 10

// fewEntries are in most directories that hold a backup.
const fewEntries = 4

// maxLinks bounds the symbolic links of one directory that are looked at.
const maxLinks = 100

// list reads the open directory fd. It parses the kernel's records (struct
// linux_dirent64 of getdents64(2)) so that it can tell directories, and skip
// unwanted names, without a stat for each.
//
// leadsOut is called for symbolic links that are not wanted, at most maxLinks
// of them.
func list(ctx context.Context, fd int, buf []byte,
	want, leadsOut func(name string) bool) ([]Entry, error) {
	const typeAt, nameAt = 18, 19
	var entries []Entry
	links := 0
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := unix.Getdents(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return entries, err
		}
		for rest := buf[:n]; len(rest) > nameAt; {
			size := int(binary.NativeEndian.Uint16(rest[typeAt-2:]))
			if size <= nameAt || size > len(rest) {
				return nil, unix.EIO
			}
			record := rest[:size]
			rest = rest[size:]
			name, _, _ := bytes.Cut(record[nameAt:], []byte{0})
			kind := record[typeAt]
			if s := string(name); s == "." || s == ".." {
				continue
			} else if wanted := want(s); wanted || kind == unix.DT_DIR || kind == unix.DT_LNK ||
				kind == unix.DT_UNKNOWN {
				e := Entry{Name: s, Mode: fs.ModeDir}
				if kind == unix.DT_LNK && !wanted {
					e.Mode = fs.ModeSymlink
				} else if kind != unix.DT_DIR {
					if e = statAt(fd, s); e.Mode.IsDir() {
						e.Stamp = Stamp{} // which of them tell something is for Look to know
					}
				}
				if e.Mode == fs.ModeSymlink && !wanted {
					if links++; links > maxLinks || !leadsOut(s) {
						continue
					}
					e = Entry{Name: s, Mode: fs.ModeSymlink}
				}
				if errors.Is(e.Err, fs.ErrNotExist) ||
					e.Err == nil && !wanted && e.Mode != fs.ModeSymlink && !e.Mode.IsDir() {
					continue // deleted since it was listed, or not wanted
				}
				if entries == nil {
					entries = make([]Entry, 0, fewEntries)
				}
				entries = append(entries, e)
			}
		}
	}
}

// statAt looks at name in the open directory; a path might lead elsewhere by
// now.
func statAt(dir int, name string) Entry {
	var st unix.Stat_t
	err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	for err == unix.EINTR {
		err = unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	}
	if err != nil {
		return Entry{Name: name, Err: &fs.PathError{Op: "stat", Path: name, Err: err}}
	}
	return entryOf(name, &st)
}

// fstat looks at an open file, which may be open with O_PATH.
func fstat(fd int) Entry {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	for err == unix.EINTR {
		err = unix.Fstat(fd, &st)
	}
	if err != nil {
		return Entry{Err: err}
	}
	return entryOf("", &st)
}

func entryOf(name string, st *unix.Stat_t) Entry {
	return Entry{
		Name: name, Mode: typeOf(st.Mode), Size: st.Size, ModTime: time.Unix(st.Mtim.Unix()),
		Stamp: stampOf(st),
	}
}

// statx is statAt, and with "" for a name looks at the open file itself. With ask the kernel asks
// an NFS server instead of using attributes that it got up to some minutes ago
// (AT_STATX_FORCE_SYNC).
func statx(fd int, name string, ask bool) Entry {
	flags := unix.AT_SYMLINK_NOFOLLOW | unix.AT_EMPTY_PATH
	if ask {
		flags |= unix.AT_STATX_FORCE_SYNC
	}
	var x unix.Statx_t
	err := unix.Statx(fd, name, flags, unix.STATX_BASIC_STATS, &x)
	for err == unix.EINTR {
		err = unix.Statx(fd, name, flags, unix.STATX_BASIC_STATS, &x)
	}
	if err != nil {
		return Entry{Name: name, Err: err}
	}
	nanos := func(t unix.StatxTimestamp) int64 { return t.Sec*1e9 + int64(t.Nsec) }
	return Entry{
		Name: name, Mode: typeOf(uint32(x.Mode)), Size: int64(x.Size),
		ModTime: time.Unix(0, nanos(x.Mtime)),
		Stamp: Stamp{
			Device: unix.Mkdev(x.Dev_major, x.Dev_minor), Inode: x.Ino, Size: int64(x.Size),
			Modified: nanos(x.Mtime), Changed: nanos(x.Ctime),
		},
	}
}

func stampOf(st *unix.Stat_t) Stamp {
	return Stamp{
		Device: uint64(st.Dev), Inode: st.Ino, Size: st.Size,
		Modified: st.Mtim.Nano(), Changed: st.Ctim.Nano(),
	}
}

func typeOf(mode uint32) fs.FileMode {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return 0
	case unix.S_IFDIR:
		return fs.ModeDir
	case unix.S_IFLNK:
		return fs.ModeSymlink
	default:
		return fs.ModeIrregular
	}
}
