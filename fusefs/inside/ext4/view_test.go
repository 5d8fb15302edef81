package ext4

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A view is what somebody sees of a file system: a line of facts for each path.
type view map[string]facts

// facts are what is compared of a file, by name.
type facts map[string]string

// compare fails the test for each difference, up to some.
func (got view) compare(t *testing.T, want view) {
	t.Helper()
	if len(want) == 0 {
		t.Error("there is nothing to compare with")
	}
	told := 0
	for _, path := range slices.Sorted(maps.Keys(want)) {
		g, ok := got[path]
		if !ok {
			t.Errorf("%q is missing", path)
			told++
		} else if !maps.Equal(g, want[path]) {
			for k, v := range want[path] {
				if g[k] != v {
					t.Errorf("%q: %s is %q, not %q", path, k, g[k], v)
				}
			}
			for k, v := range g {
				if _, ok := want[path][k]; !ok {
					t.Errorf("%q: has %s %q, which is not there", path, k, v)
				}
			}
			told++
		}
		if told > 8 {
			return
		}
	}
	for path := range got {
		if _, ok := want[path]; !ok {
			t.Errorf("%q is seen and should not be there", path)
		}
	}
}

// only keeps some facts, by name.
func (v view) only(names ...string) view {
	out := view{}
	for path, f := range v {
		out[path] = f.only(names...)
	}
	return out
}

func (f facts) only(names ...string) facts {
	out := facts{}
	for _, n := range names {
		if s, ok := f[n]; ok {
			out[n] = s
		}
	}
	return out
}

// hostView is what the kernel shows below a directory.
func hostView(t *testing.T, root string) view {
	t.Helper()
	v := view{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		f, err := hostFacts(path)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path[len(root):], "/")
		v[name] = f
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func hostFacts(path string) (facts, error) {
	var s unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_ALL, &s); err != nil {
		return nil, err
	}
	at := func(t unix.StatxTimestamp) string { return fmt.Sprintf("%d.%09d", t.Sec, t.Nsec) }
	f := facts{
		"mode": fmt.Sprintf("%o", s.Mode), "owner": fmt.Sprint(s.Uid, s.Gid), "links": fmt.Sprint(s.Nlink),
		"blocks": fmt.Sprint(s.Blocks), "size": fmt.Sprint(s.Size), "inode": fmt.Sprint(s.Ino),
		"atime": at(s.Atime), "mtime": at(s.Mtime), "ctime": at(s.Ctime),
	}
	if s.Mask&unix.STATX_BTIME != 0 {
		f["btime"] = at(s.Btime)
	}
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		f["target"], _ = os.Readlink(path)
	case unix.S_IFCHR, unix.S_IFBLK:
		f["device"] = fmt.Sprint(s.Rdev_major, ":", s.Rdev_minor)
	case unix.S_IFREG:
		if err := hostContents(path, f); err != nil {
			return nil, err
		}
	}
	return f, hostXattrs(path, f)
}

func hostContents(path string, f facts) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	fi, err := file.Stat()
	if err != nil {
		return err
	}
	size := fi.Size()
	var pieces []piece
	// Before anything is read: what the page cache has counts as data.
	for off := int64(0); off < size; {
		begin, err := file.Seek(off, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break
		} else if err != nil {
			return err
		}
		end, err := file.Seek(begin, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		pieces = addPiece(pieces, begin, end)
		off = end
	}
	f["data"] = fmt.Sprint(pieces)
	f["sum"], err = sum(file, size, pieces)
	return err
}

// A piece is data of a file, from an offset to another.
type piece struct{ begin, end int64 }

func addPiece(list []piece, begin, end int64) []piece {
	if n := len(list); n > 0 && list[n-1].end == begin {
		list[n-1].end = end
		return list
	}
	return append(list, piece{begin, end})
}

// sum returns a digest of all of a file that is not zero.
func sum(r io.ReaderAt, size int64, pieces []piece) (string, error) {
	h := sha256.New()
	buf, none := make([]byte, 4096), make([]byte, 4096)
	next := int64(0)
	for _, p := range pieces {
		for off := max(next, p.begin&^4095); off < p.end; off += 4096 {
			b := buf[:min(4096, size-off)]
			if _, err := r.ReadAt(b, off); err != nil && err != io.EOF {
				return "", err
			}
			if !bytes.Equal(b, none[:len(b)]) {
				fmt.Fprintf(h, "%d\n", off)
				h.Write(b)
			}
			next = off + 4096
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}

func hostXattrs(path string, f facts) error {
	names := make([]byte, 4096)
	n, err := unix.Llistxattr(path, names)
	if err == unix.ENOTSUP {
		return nil
	} else if err != nil {
		return err
	}
	for name := range bytes.SplitSeq(names[:n], []byte{0}) {
		if len(name) == 0 {
			continue
		}
		value := make([]byte, 1<<16)
		n, err := unix.Lgetxattr(path, string(name), value)
		if err != nil {
			return err
		}
		f["xattr "+string(name)] = fmt.Sprintf("%d %x", n, sha256.Sum256(value[:n]))
	}
	return nil
}

// ownView is what this package shows, with the error instead of what cannot be read.
func ownView(f *FS) view {
	v := view{"": ownFacts(f, f.Root())}
	ownWalk(f, f.Root(), "", 0, v)
	return v
}

func ownWalk(f *FS, dir uint64, path string, depth int, v view) {
	err := f.ReadDir(dir, func(d Dirent) error {
		name := path + d.Name
		x := ownFacts(f, d.Ino)
		if got, err := f.Lookup(dir, d.Name); err != nil || got != d.Ino {
			x["lookup"] = fmt.Sprint(got, err)
		}
		v[name] = x
		if d.Type == dtDir && depth < 100 && len(v) < 100_000 {
			ownWalk(f, d.Ino, name+"/", depth+1, v)
		}
		return nil
	})
	if err != nil {
		v[strings.TrimSuffix(path, "/")]["readdir"] = err.Error()
	}
}

func ownFacts(f *FS, ino uint64) facts {
	a, err := f.Stat(ino)
	if err != nil {
		return facts{"error": err.Error()}
	}
	at := func(t interface {
		Unix() int64
		Nanosecond() int
	}) string {
		return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
	}
	x := facts{
		"mode": fmt.Sprintf("%o", a.Mode), "owner": fmt.Sprint(a.UID, a.GID), "links": fmt.Sprint(a.Nlink),
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

func ownContents(f *FS, ino uint64, x facts) error {
	file, err := f.Open(ino)
	if err != nil {
		return err
	}
	var pieces []piece
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
		pieces = addPiece(pieces, begin, end)
		off = end
	}
	x["data"] = fmt.Sprint(pieces)
	x["sum"], err = sum(file, file.Size(), pieces)
	return err
}
