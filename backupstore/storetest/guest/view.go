package guest

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
type View map[string]Facts

// Facts are what is compared of a file, by name.
type Facts map[string]string

// Compare fails the test for each difference, up to some.
func (got View) Compare(t *testing.T, want View) {
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

// Only keeps some facts, by name.
func (v View) Only(names ...string) View {
	out := View{}
	for path, f := range v {
		out[path] = f.Only(names...)
	}
	return out
}

// Only keeps some facts, by name.
func (f Facts) Only(names ...string) Facts {
	out := Facts{}
	for _, n := range names {
		if s, ok := f[n]; ok {
			out[n] = s
		}
	}
	return out
}

// HostView is what the kernel shows below a directory.
func HostView(t *testing.T, root string) View {
	t.Helper()
	v := View{}
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

func hostFacts(path string) (Facts, error) {
	var s unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_ALL, &s)
	if err != nil {
		return nil, err
	}
	at := func(t unix.StatxTimestamp) string { return fmt.Sprintf("%d.%09d", t.Sec, t.Nsec) }
	f := Facts{
		"mode": fmt.Sprintf("%o", s.Mode), "owner": fmt.Sprint(s.Uid, s.Gid),
		"links":  fmt.Sprint(s.Nlink),
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

func hostContents(path string, f Facts) error {
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
	var pieces []Piece
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
		pieces = AddPiece(pieces, begin, end)
		off = end
	}
	f["data"] = fmt.Sprint(pieces)
	f["sum"], err = Sum(file, size, pieces)
	return err
}

// A piece is data of a file, from an offset to another.
type Piece struct{ Begin, End int64 }

// AddPiece adds what follows the last piece to it, or another piece.
func AddPiece(list []Piece, begin, end int64) []Piece {
	if n := len(list); n > 0 && list[n-1].End == begin {
		list[n-1].End = end
		return list
	}
	return append(list, Piece{begin, end})
}

// Sum returns a digest of all of a file that is not zero.
func Sum(r io.ReaderAt, size int64, pieces []Piece) (string, error) {
	h := sha256.New()
	buf, none := make([]byte, 4096), make([]byte, 4096)
	next := int64(0)
	for _, p := range pieces {
		for off := max(next, p.Begin&^4095); off < p.End; off += 4096 {
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

func hostXattrs(path string, f Facts) error {
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
