package ntfs

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// putUpcase gives a sample the table of capital letters that it was made without.
func putUpcase(t *testing.T, image []byte) {
	t.Helper()
	f := openBytes(t, image)
	n, err := f.inode(recordUpcase)
	guest.Must(t, err)
	s, err := n.open(attrData, "")
	guest.Must(t, err)
	guest.Must(t, s.readAt(make([]byte, 1<<17), 0, func(p []byte, off int64) error {
		at := image[off:]
		for c := range len(p) / 2 {
			le.PutUint16(at[2*c:], uint16(unicode.ToUpper(rune(c))))
		}
		return nil
	}))
}

// namesOf returns the names of a directory.
func namesOf(t *testing.T, f *FS, dir uint64) map[string]uint64 {
	t.Helper()
	names := map[string]uint64{}
	guest.Must(t, f.ReadDir(dir, func(d Dirent) error { names[d.Name] = d.Ino; return nil }))
	return names
}

func TestNamesAreFoundByTheOrderOfTheIndex(t *testing.T) {
	for n, kind := range sampleKinds {
		image := sample(t, n)
		putUpcase(t, image)
		f := openBytes(t, image)
		dirs := []uint64{f.Root()}
		for len(dirs) > 0 {
			dir := dirs[0]
			dirs = dirs[1:]
			wantNames(t, kind.name, f, dir)
			guest.Must(t, f.ReadDir(dir, func(d Dirent) error {
				if d.Type == dtDir {
					dirs = append(dirs, d.Ino)
				}
				return nil
			}))
		}
	}
}

// wantNames fails the test unless the tree of a directory leads to each of its names, whatever
// their case, and to no other.
func wantNames(t *testing.T, what string, f *FS, dir uint64) {
	t.Helper()
	for name, ino := range namesOf(t, f, dir) {
		n, err := f.directory(dir)
		guest.Must(t, err)
		up := f.upcase()
		capitals, ok := up.capitals(name)
		found, err := n.search(capitals, up)
		if !ok || !up.stored || err != nil || len(found) == 0 {
			t.Fatalf("%s: %q: %v, %v", what, name, found, err)
		}
		for _, as := range []string{name, strings.ToUpper(name), strings.ToLower(name)} {
			want, err := f.lookupEverywhere(dir, as)
			guest.Must(t, err)
			if got, err := f.Lookup(dir, as); got != want || as == name && got != ino {
				t.Errorf("%s: %q is %d, not %d: %v", what, as, got, want, err)
			}
		}
		for _, other := range []string{name + "0~", name[:len(name)-1] + "\x01", "\xff"} {
			if _, err := f.Lookup(dir, other); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %q: %v", what, other, err)
			}
		}
	}
}

func TestANameIsFoundWhereTheTreeIsNotInOrder(t *testing.T) {
	for n, kind := range sampleKinds {
		image := sample(t, n)
		putUpcase(t, image)
		f := openBytes(t, image)
		dir, err := f.Lookup(f.Root(), "many")
		guest.Must(t, err)
		names := namesOf(t, f, dir)
		root := attributeAt(t, recordAt(t, f, image, "many"), attrIndexRoot)
		node := root[le.Uint16(root[20:])+16:]
		guest.Must(t, nodeEntries(node, kind.name, func(e nodeEntry) error {
			if _, ok := e.child(); ok {
				le.PutUint64(e.b[len(e.b)-8:], 1<<40)
			}
			return nil
		}))
		f = openBytes(t, image)
		for name, ino := range names {
			if got, err := f.Lookup(dir, name); got != ino {
				t.Errorf("%s: %q is %d, not %d: %v", kind.name, name, got, ino, err)
			}
		}
	}
}

func TestNamesOfHalfAPairAreTheirBytes(t *testing.T) {
	u := &upcase{}
	for c := range u.table {
		u.table[c] = uint16(c)
	}
	for _, units := range [][]uint16{{0xd800, 'a'}, {0xdc00}, {'a', 0xdbff}, {0xd83d, 0xde00}, {0xfffd}} {
		var b []byte
		for _, c := range units {
			b = le.AppendUint16(b, c)
		}
		got, ok := u.capitals(wideName(b))
		if !ok || fmt.Sprint(got) != fmt.Sprint(units) || u.compare(got, b) != 0 {
			t.Errorf("%x is %x", units, got)
		}
	}
	if _, ok := u.capitals(strings.Repeat("n", 256)); ok {
		t.Error("a name of 256 characters")
	}
}
