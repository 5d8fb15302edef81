package mountinfo

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	long := strings.Repeat("/layer:", 20_000)
	for what, c := range map[string]struct {
		line string
		want Mount
	}{
		"all fields": {
			"30 22 0:45 /export/backups /mnt/share rw,nosuid shared:9 master:2 - nfs4 nas:/export rw,vers=4.2,addr=10.0.0.5",
			Mount{"30", "0:45", "/export/backups", "/mnt/share", "rw,nosuid", "nfs4", "nas:/export", "rw,vers=4.2,addr=10.0.0.5"},
		},
		"no tags": {
			"22 1 254:1 / / rw - ext4 /dev/root rw",
			Mount{"22", "254:1", "/", "/", "rw", "ext4", "/dev/root", "rw"},
		},
		"names with blanks, tabs, newlines, number signs and backslashes": {
			`32 22 0:50 /a\043b /mnt/my\040disks\134 ro - fuse.a\040b \012\011 ro`,
			Mount{"32", "0:50", "/a#b", `/mnt/my disks\`, "ro", "fuse.a b", "\n\t", "ro"},
		},
		"a backslash that begins no escape, blanks of Unicode, and what is no UTF-8": {
			"1 1 0:1 / /\\04\u00a0\u2028\xff\\9 rw - tmpfs a\\777 rw",
			Mount{"1", "0:1", "/", "/\\04\u00a0\u2028\xff\\9", "rw", "tmpfs", `a\777`, "rw"},
		},
		"a source that is empty": {
			"1 1 0:1 / /x rw - tmpfs  rw",
			Mount{"1", "0:1", "/", "/x", "rw", "tmpfs", "", "rw"},
		},
		"a name that is a dash": {
			"1 1 0:1 / /x rw - tmpfs - rw",
			Mount{"1", "0:1", "/", "/x", "rw", "tmpfs", "-", "rw"},
		},
		"options with a blank in them, as of an old cifs": {
			"1 1 0:1 / /x rw - cifs //s/a rw,unc=//s/a b - c",
			Mount{"1", "0:1", "/", "/x", "rw", "cifs", "//s/a", "rw,unc=//s/a b - c"},
		},
		"an overlay of very many directories": {
			"1 1 0:1 / /x rw - overlay overlay lowerdir=" + long,
			Mount{"1", "0:1", "/", "/x", "rw", "overlay", "overlay", "lowerdir=" + long},
		},
	} {
		if got, err := Parse(strings.NewReader(c.line + "\n")); err != nil || !slices.Equal(got, []Mount{c.want}) {
			t.Errorf("%s: %.300v, %v", what, got, err)
		}
	}
}

func TestALineThatIsNotUnderstoodIsTold(t *testing.T) {
	const good = "22 1 254:1 / / rw - ext4 /dev/root rw\n"
	for _, line := range []string{
		"", "1 2 3", "1 2 0:1 / /x rw", "1 2 0:1 / /x rw - tmpfs", "1 2 - a b c", "1 2 0:1 / relative rw - tmpfs a rw", "- - - - - - - -",
	} {
		mounts, err := Parse(strings.NewReader(good + line + "\n" + good))
		if err == nil || len(mounts) != 2 {
			t.Errorf("%q: %v, %v", line, mounts, err)
		}
	}
	if mounts, err := Parse(strings.NewReader(good + strings.Repeat("x", maxLine+1))); err == nil || len(mounts) != 1 {
		t.Errorf("a line without end: %d mounts, %v", len(mounts), err)
	}
}

func TestTheKernelsTableIsUnderstood(t *testing.T) {
	mounts, err := Read(Own)
	if err != nil || !slices.ContainsFunc(mounts, func(m Mount) bool { return m.Mountpoint == "/proc" }) {
		t.Fatal(mounts, err)
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
