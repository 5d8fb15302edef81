package files

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func list(t *testing.T, d *Disk, l Listing, path string) (paths []string, problems *told) {
	t.Helper()
	problems = &told{}
	l.Failed = problems.failed
	l.Found = func(n *Node) error { paths = append(paths, n.Path); return nil }
	must(t, l.List(t.Context(), at(t, d, path)))
	return paths, problems
}

func TestListing(t *testing.T) {
	d := disk(t, image(t, source(t), 16))
	for _, c := range []struct {
		says string
		l    Listing
		path string
		want string
	}{
		{"a directory has its files, by name", Listing{}, "/etc",
			"/etc/empty /etc/fstab /etc/secret"},
		{"a file is itself", Listing{}, "/etc/fstab", "/etc/fstab"},
		{"a tree has all that is in it", Listing{Deep: true, Self: true}, "/links",
			"/links /links/below /links/below/second /links/first"},
		{"a pattern is for the name", Listing{Deep: true, Select: Select{Pattern: "fs*"}}, "/",
			"/etc/fstab"},
		{"or for the path", Listing{Deep: true, Select: Select{Pattern: "/usr/*/*"}}, "/",
			"/usr/bin/tool"},
		{"of any case", Listing{Deep: true, Select: Select{Pattern: "FSTAB", IgnoreCase: true}},
			"/", "/etc/fstab"},
		{"a name that is no UTF-8 is matched", Listing{Deep: true,
			Select: Select{Pattern: "bad??bytes"}}, "/", "/odd/bad\xff\xfebytes"},
		{"by type", Listing{Deep: true, Select: Select{Kinds: "p"}}, "/", "/odd/pipe"},
		{"by size", Listing{Deep: true, Select: Select{MinBytes: 200000, MaxBytes: 300000}}, "/",
			"/usr/bin/tool"},
		{"by time", Listing{Deep: true, Select: Select{Kinds: "fd",
			Newer: time.Now().Add(time.Hour)}}, "/", ""},
	} {
		got, problems := list(t, d, c.l, c.path)
		if strings.Join(got, " ") != c.want || len(problems.lines) > 0 {
			t.Errorf("%s: %q, not %q; %s", c.says, got, c.want, problems)
		}
	}
	for _, wrong := range []Select{{Pattern: "[a"}, {Kinds: "x"}} {
		if wrong.Check() == nil {
			t.Errorf("%+v is right", wrong)
		}
	}
}

// A tree whose blocks have no checksums, so that entries can be changed.
func plainTree(t *testing.T) (root string, data []byte) {
	root = t.TempDir()
	write(t, filepath.Join(root, "a/NAMEAAAA"), "1")
	write(t, filepath.Join(root, "b/NAMEBBBB"), "2")
	write(t, filepath.Join(root, "c/DIRCCCCC/file"), "3")
	write(t, filepath.Join(root, "d/DIRDDDDD/file"), "4")
	return root, image(t, root, 4, "-O", "^metadata_csum,^dir_index,^has_journal", "-b", "1024")
}

func TestNamesThatNoDirectoryCanHave(t *testing.T) {
	_, data := plainTree(t)
	for old, hostile := range map[string]string{"NAMEAAAA": "../../xy", "NAMEBBBB": "/etc/abc"} {
		if bytes.Count(data, []byte(old)) == 0 {
			t.Fatalf("%s is not there", old)
		}
		data = bytes.ReplaceAll(data, []byte(old), []byte(hostile))
	}
	d := disk(t, data)
	got, problems := list(t, d, Listing{Deep: true}, "/")
	if len(problems.lines) != 2 || !slices.Contains(got, "/c/DIRCCCCC/file") {
		t.Errorf("%q: %s", got, problems)
	}
	dest := t.TempDir()
	if done, _ := copyTo(t, d, dest, CopyOptions{All: true}, "/"); done.Failed != 2 {
		t.Errorf("%+v", done)
	}
	for _, name := range []string{"../../xy", "../xy", "xy"} {
		if exists(-100, filepath.Join(dest, name)) {
			t.Errorf("%s was made", name)
		}
	}
}

func TestADirectoryInTwoPlacesIsVisitedOnce(t *testing.T) {
	_, data := plainTree(t)
	d := disk(t, data)
	c, dd := at(t, d, "/c/DIRCCCCC"), at(t, d, "/d/DIRDDDDD")
	d2 := disk(t, relinked(t, data, "DIRDDDDD", byte(dd.Ino), byte(c.Ino)))
	got, problems := list(t, d2, Listing{Deep: true}, "/")
	if len(problems.lines) != 1 || !strings.Contains(problems.String(), "in two places") ||
		slices.Contains(got, "/d/DIRDDDDD/file") {
		t.Errorf("%q: %s", got, problems)
	}
	// A directory within itself.
	within := at(t, d, "/d")
	d3 := disk(t, relinked(t, data, "DIRDDDDD", byte(dd.Ino), byte(within.Ino)))
	if _, problems := list(t, d3, Listing{Deep: true}, "/"); len(problems.lines) != 1 {
		t.Errorf("a directory within itself: %s", problems)
	}
}

// relinked makes the entry of a name lead to another inode; both numbers are small.
func relinked(t *testing.T, data []byte, name string, old, ino byte) []byte {
	t.Helper()
	data = slices.Clone(data)
	where := bytes.Index(
		data,
		append([]byte{8, 2}, name...),
	) // the length of the name and the type stand before it
	if where < 6 || data[where-6] != old {
		t.Fatalf("the entry of %s is not as expected", name)
	}
	data[where-6] = ino
	return data
}

func TestTheSetOfInodes(t *testing.T) {
	var s inodes
	for _, ino := range []uint64{1, 2, 64, 4095, 4096, 1 << 40} {
		if first, ok := s.add(ino); !first || !ok {
			t.Errorf("%d was there", ino)
		}
		if first, _ := s.add(ino); first {
			t.Errorf("%d is forgotten", ino)
		}
	}
	for i := range uint64(maxPages + 10) {
		s.add(i << 12)
	}
	if len(s.pages) > maxPages {
		t.Errorf("%d pages", len(s.pages))
	}
	if _, ok := s.add(1 << 60); ok {
		t.Error("there is room without end")
	}
}
