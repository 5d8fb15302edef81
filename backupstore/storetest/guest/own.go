package guest

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// FS is a reader of a file system, by its functions.
type FS struct {
	Root     func() uint64
	Stat     func(ino uint64) (Attr, error)
	Readlink func(ino uint64) (string, error)
	Lookup   func(dir uint64, name string) (uint64, error)
	ReadDir  func(dir uint64, fn func(Dirent) error) error
	Xattrs   func(ino uint64) ([]Xattr, error)
	Open     func(ino uint64) (File, error)
}

// Attr, Dirent and Xattr are as the packages below fusefs/inside have them.
type (
	Attr struct {
		Mode, UID, GID, Nlink      uint32
		Size, Blocks512            int64
		Rdev                       uint64
		Atime, Mtime, Ctime, Btime time.Time
		Encrypted, Verity          bool
	}
	Dirent struct {
		Name string
		Ino  uint64
		Type uint8
	}
	Xattr struct {
		Name  string
		Value []byte
	}
)

// File is the contents of a file.
type File interface {
	io.ReaderAt
	Size() int64
	NextData(off int64) (begin, end int64, err error)
}

// OwnView is what a reader shows, with the error instead of what cannot be read.
func OwnView(f *FS) View {
	v := View{"": OwnFacts(f, f.Root())}
	ownWalk(f, f.Root(), "", 0, v)
	return v
}

func ownWalk(f *FS, dir uint64, path string, depth int, v View) {
	err := f.ReadDir(dir, func(d Dirent) error {
		name := path + d.Name
		x := OwnFacts(f, d.Ino)
		if got, err := f.Lookup(dir, d.Name); err != nil || got != d.Ino {
			x["lookup"] = fmt.Sprint(got, err)
		}
		v[name] = x
		if d.Type == unix.DT_DIR && depth < 100 && len(v) < 100_000 {
			ownWalk(f, d.Ino, name+"/", depth+1, v)
		}
		return nil
	})
	if err != nil {
		v[strings.TrimSuffix(path, "/")]["readdir"] = err.Error()
	}
}

// OwnFacts is what a reader shows of one inode.
func OwnFacts(f *FS, ino uint64) Facts {
	a, err := f.Stat(ino)
	if err != nil {
		return Facts{"error": err.Error()}
	}
	at := func(t interface {
		Unix() int64
		Nanosecond() int
	}) string {
		return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
	}
	x := Facts{
		"mode": fmt.Sprintf("%o", a.Mode), "owner": fmt.Sprint(a.UID, a.GID),
		"links":  fmt.Sprint(a.Nlink),
		"blocks": fmt.Sprint(a.Blocks512), "size": fmt.Sprint(a.Size), "inode": fmt.Sprint(ino),
		"atime": at(a.Atime), "mtime": at(a.Mtime), "ctime": at(a.Ctime),
	}
	if !a.Btime.IsZero() {
		x["btime"] = at(a.Btime)
	}
	switch a.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		if x["target"], err = f.Readlink(ino); err != nil {
			x["target error"] = err.Error()
		}
	case unix.S_IFCHR, unix.S_IFBLK:
		x["device"] = fmt.Sprint(unix.Major(a.Rdev), ":", unix.Minor(a.Rdev))
	case unix.S_IFREG:
		if err := ownContents(f, ino, x); err != nil {
			x["error"] = err.Error()
		}
	}
	list, err := f.Xattrs(ino)
	if err != nil {
		x["xattr error"] = err.Error()
	}
	for _, e := range list {
		x["xattr "+e.Name] = fmt.Sprintf("%d %x", len(e.Value), sha256.Sum256(e.Value))
	}
	return x
}

func ownContents(f *FS, ino uint64, x Facts) error {
	file, err := f.Open(ino)
	if err != nil {
		return err
	}
	var pieces []Piece
	for off := int64(0); len(pieces) < 100_000; {
		begin, end, err := file.NextData(off)
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		if begin < off || end <= begin || end > file.Size() {
			return fmt.Errorf("NextData(%d) gives %d to %d of %d", off, begin, end, file.Size())
		}
		pieces = AddPiece(pieces, begin, end)
		off = end
	}
	x["data"] = fmt.Sprint(pieces)
	x["sum"], err = Sum(file, file.Size(), pieces)
	return err
}
