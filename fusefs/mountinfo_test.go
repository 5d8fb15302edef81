package fusefs

import (
	"path/filepath"
	"strings"
	"testing"
)

const someMounts = `22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/root rw
23 22 0:21 / /proc rw,nosuid - proc proc rw
30 22 0:45 /export/backups /mnt/share rw shared:9 master:2 - nfs4 nas:/export rw,vers=4.2
31 22 0:45 / /mnt/all rw - nfs4 nas:/export rw
32 22 0:50 / /mnt/my\040disks\134 ro,nosuid - fuse.restorefs restorefs ro,user_id=0
33 32 0:51 / /mnt/my\040disks\134 rw - tmpfs top rw
34 22 254:1 /srv/data /bind rw - ext4 /dev/root rw
`

func TestParseMountInfo(t *testing.T) {
	mounts, err := parseMountInfo(strings.NewReader(someMounts))
	if err != nil || len(mounts) != 7 {
		t.Fatal(mounts, err)
	}
	want := MountInfo{"32", "0:50", "/", `/mnt/my disks\`, "ro,nosuid", "fuse.restorefs", "restorefs", "ro,user_id=0"}
	if mounts[4] != want {
		t.Errorf("%+v", mounts[4])
	}
	if m := mountAt(mounts, `/mnt/my disks\`); m == nil || m.Source != "top" {
		t.Errorf("on top: %+v", m)
	}
	for _, line := range []string{"1 2 3", "1 2 0:1 / /x rw", "1 2 0:1 / /x rw - tmpfs", "1 2 - a b c"} {
		if _, err := parseMountInfo(strings.NewReader(line)); err == nil {
			t.Errorf("%q is accepted", line)
		}
	}
}

func TestLocation(t *testing.T) {
	mounts, err := parseMountInfo(strings.NewReader(someMounts))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][2]string{
		"/":                 {"254:1", "/"},
		"/mnt/shares":       {"254:1", "/mnt/shares"},
		"/mnt/share":        {"0:45", "/export/backups"},
		"/mnt/share/a/b":    {"0:45", "/export/backups/a/b"},
		"/mnt/all/x":        {"0:45", "/x"},
		"/bind/x":           {"254:1", "/srv/data/x"},
		`/mnt/my disks\/yz`: {"0:51", "/yz"},
	} {
		if device, inside := location(mounts, path); device != want[0] || inside != want[1] {
			t.Errorf("%s: %s %s, want %v", path, device, inside, want)
		}
	}
	if !overlapOnDevice(mounts, "/mnt/all/export", "/mnt/share") || overlapOnDevice(mounts, "/mnt/all/other", "/mnt/share") ||
		!overlapOnDevice(mounts, "/bind", "/srv/data/cache") || overlapOnDevice(mounts, "/bind", "/mnt/share") {
		t.Error("overlap")
	}
}

func TestWithin(t *testing.T) {
	for what, c := range map[string]struct {
		path, dir string
		want      bool
	}{
		"itself":            {"/a", "/a", true},
		"below":             {"/a/b/c", "/a", true},
		"above":             {"/a", "/a/b", false},
		"a longer name":     {"/ab", "/a", false},
		"all is below root": {"/a", "/", true},
		"root itself":       {"/", "/", true},
	} {
		if got := within(c.path, c.dir); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}

func TestResolveWhatDoesNotExistYet(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	got, err := resolve(filepath.Join(dir, "a", "b"))
	if err != nil || got != filepath.Join(dir, "a", "b") {
		t.Error(got, err)
	}
}
