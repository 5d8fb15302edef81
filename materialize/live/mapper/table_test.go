package mapper

import (
	"errors"
	"testing"
)

func TestTables(t *testing.T) {
	for what, c := range map[string]struct {
		table Table
		want  string
	}{
		"a whole device": {Table{"/dev/vdb", 1 << 20, nil}, "0 2048 linear /dev/vdb 0\n"},
		"an error in the middle": {Table{"/dev/vdb", 1 << 20, []Range{{4096, 512}}},
			"0 8 linear /dev/vdb 0\n8 1 error\n9 2039 linear /dev/vdb 9\n"},
		"errors of parts of sectors": {Table{"/dev/vdb", 1 << 20, []Range{{700, 400}, {1536, 1}}},
			"0 1 linear /dev/vdb 0\n1 2 error\n3 1 error\n4 2044 linear /dev/vdb 4\n"},
		"errors at both ends": {Table{"/dev/vdb", 4096, []Range{{0, 512}, {3584, 512}}},
			"0 1 error\n1 6 linear /dev/vdb 1\n7 1 error\n"},
		"an error behind the end": {Table{"/dev/vdb", 4096, []Range{{3584, 4096}}},
			"0 7 linear /dev/vdb 0\n7 1 error\n"},
		"nothing but errors": {Table{"/dev/vdb", 4096, []Range{{0, 4096}}}, "0 8 error\n"},
	} {
		if got := c.table.text(); got != c.want {
			t.Errorf("%s:\n%swant\n%s", what, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"n1", "restorefs-4f1c2b3a", "a+b:c@d=e._f"} {
		if err := CheckName(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "control", "a/b", "..", "-n", "a b", "a\nb", "\x1b[1m", "é"} {
		if CheckName(name) == nil {
			t.Errorf("%q is a name", name)
		}
	}
}

func TestOnlyTheDeviceOfTheSameRestoreIsTaken(t *testing.T) {
	ours := Device{Name: "db", ID: "01"}
	all := "other\tLVM-x\t1\tActive\ndb\t" + ours.uuid() + "\t2\tSuspended\n"
	if info, ok, err := ours.in(all); err != nil || !ok || info != (Info{Open: 2, Suspended: true}) {
		t.Errorf("its own: %+v, %v, %v", info, ok, err)
	}
	for _, d := range []Device{{Name: "db", ID: "02"}, {Name: "db"}, {Name: "other", ID: "01"}} {
		if _, ok, err := d.in(all); !ok || !errors.Is(err, ErrForeign) {
			t.Errorf("%+v: %v, %v", d, ok, err)
		}
	}
	for _, out := range []string{all, "", "No devices found"} {
		if _, ok, err := (Device{Name: "free"}).in(out); ok || err != nil {
			t.Errorf("a free name in %q: %v, %v", out, ok, err)
		}
	}
}
