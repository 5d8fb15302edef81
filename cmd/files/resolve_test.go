package files

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/fusefs/inside"
)

func TestPaths(t *testing.T) {
	d := disk(t, image(t, source(t), 16))
	for _, c := range []struct {
		says, path string
		follow     bool
		want       string // "": there is none
	}{
		{"a path is absolute", "/etc/fstab", false, "/etc/fstab"},
		{"or begins at the root all the same", "etc//./fstab", false, "/etc/fstab"},
		{"the part can be named", "disk:/etc/fstab", false, "/etc/fstab"},
		{"a directory may end with a slash", "/etc/", false, "/etc"},
		{"the root is the root", "/", false, "/"},
		{"nothing is above the root", "/../../etc/fstab", false, "/etc/fstab"},
		{"a link on the way is followed", "/bin/tool", false, "/usr/bin/tool"},
		{"an absolute link begins at the disk's root", "/absolute-dir/bin/tool", false,
			"/usr/bin/tool"},
		{"a link at the end is not followed", "/bin", false, "/bin"},
		{"unless that is wanted", "/bin", true, "/usr/bin"},
		{"or the path ends with a slash", "/bin/", false, "/usr/bin"},
		{"a link to an absolute path stays on the disk", "/usr/absolute", true, "/etc/fstab"},
		{"a link cannot leave the disk", "/usr/up", true, "/etc/fstab"},
		{"a link to itself is no file", "/usr/loop", true, ""},
		{"a link to nothing is no file", "/usr/dangling", true, ""},
		{"there is no such file", "/etc/none", false, ""},
		{"a file is no directory", "/etc/fstab/x", false, ""},
		{"there is no such part", "p3:/etc/fstab", false, ""},
	} {
		n, note, err := d.Find(c.path, c.follow)
		switch {
		case c.want == "" && err == nil:
			t.Errorf("%s: %s is %s", c.says, c.path, n.Path)
		case c.want != "" && err != nil:
			t.Errorf("%s: %v", c.says, err)
		case c.want != "" && (n.Path != c.want || note != ""):
			t.Errorf("%s: %s is %s, not %s (%s)", c.says, c.path, n.Path, c.want, note)
		}
	}
	if _, _, err := d.Find("/etc/none", false); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestSeveralParts(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	write(t, one+"/both", "1")
	write(t, one+"/only-one", "1")
	write(t, two+"/both", "2")
	write(t, two+"/only-two", "2")
	luks := make([]byte, 1<<20)
	copy(luks, "LUKS\xba\xbe\x00\x01")
	d := disk(t, partitioned(image(t, one, 4), image(t, two, 4), make([]byte, 1<<20), luks))
	if !d.Several() || len(d.Parts) != 4 {
		t.Fatalf("%d parts", len(d.Parts))
	}
	if n := at(t, d, "/only-two"); n.Part().Name != "p2" || d.Name(n) != "p2:/only-two" {
		t.Errorf("it is %s", d.Name(n))
	}
	if n := at(t, d, "p1:both"); n.Part().Name != "p1" {
		t.Errorf("it is %s", d.Name(n))
	}
	_, _, err := d.Find("/both", false)
	if place, ok := errors.AsType[*PlaceError](err); !ok || len(place.In) != 2 ||
		!strings.Contains(err.Error(), "p1:/both") {
		t.Errorf("a path on two parts: %v", err)
	}
	if _, _, err = d.Find("/none", false); !errors.Is(err, fs.ErrNotExist) ||
		!strings.Contains(err.Error(), "p4 is LUKS1") {
		t.Error(err)
	}
	_, _, err = d.Find("p3:/none", false)
	if _, ok := errors.AsType[*inside.UnreadableError](err); !ok {
		t.Errorf("a part that holds nothing: %v", err)
	}
	_, _, err = d.Find("p5:/none", false)
	if _, ok := errors.AsType[*NoPartError](err); !ok {
		t.Errorf("a part that is not there: %v", err)
	}
}
