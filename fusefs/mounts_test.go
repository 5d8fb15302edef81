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

func TestTheMountOnTopIsFound(t *testing.T) {
	mounts, err := parseMountInfo(strings.NewReader(someMounts))
	if err != nil || len(mounts) != 7 {
		t.Fatal(mounts, err)
	}
	if m := mountAt(mounts, `/mnt/my disks\`); m == nil || m.Source != "top" {
		t.Errorf("on top: %+v", m)
	}
	if mounts, err := parseMountInfo(strings.NewReader(someMounts + "1 2 3\n")); err == nil || mounts != nil {
		t.Errorf("a table with a line that is not understood is %v", mounts)
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
		if at := locations(mounts, path); at[0] != (location{want[0], want[1]}) {
			t.Errorf("%s: %v, want %v", path, at, want)
		}
	}
	overlaps := func(mounts []MountInfo, a, b string) bool { return liesIn(mounts, a, b) || liesIn(mounts, b, a) }
	if !overlaps(mounts, "/mnt/all/export", "/mnt/share") || overlaps(mounts, "/mnt/all/other", "/mnt/share") ||
		!overlaps(mounts, "/bind", "/srv/data/cache") || overlaps(mounts, "/bind", "/mnt/share") {
		t.Error("overlap")
	}
}

func TestMountsOfOneExportAreOnePlace(t *testing.T) {
	mounts, err := parseMountInfo(strings.NewReader(strings.Join([]string{
		`20 1 254:1 / / rw - ext4 /dev/vda1 rw`,
		`21 20 0:40 / /var/lib/cinder/mnt rw - nfs4 NFS.example.:/export/backups rw,vers=4.2,addr=10.0.0.5`,
		`22 20 0:41 / /mnt/whole rw - nfs 10.0.0.5:/export rw,vers=3,addr=10.0.0.5`,
		`23 20 0:42 / /mnt/other rw - nfs nfs2:/export/backups rw,addr=10.0.0.6`,
		`24 20 0:43 /backups/sub /mnt/sub rw - nfs [::ffff:10.0.0.5]:/export rw`,
		`25 20 0:44 / /mnt/fuse rw - fuse.sshfs 10.0.0.5:/export/backups rw`,
		``,
	}, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		path, dir string
		want      bool
	}{
		"the export, mounted by address as a part of one above": {"/mnt/whole/backups/disk.raw", "/var/lib/cinder/mnt", true},
		"beside it in the export above":                         {"/mnt/whole/disk.raw", "/var/lib/cinder/mnt", false},
		"a bind mount of a directory inside":                    {"/mnt/sub/disk.raw", "/var/lib/cinder/mnt", true},
		"an export of that name on another server":              {"/mnt/other/disk.raw", "/var/lib/cinder/mnt", false},
		"another file system of that source":                    {"/mnt/fuse/disk.raw", "/var/lib/cinder/mnt", false},
	} {
		if got := liesIn(mounts, c.path, c.dir); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
	host, dir, ok := splitExport("10.0.0.5:/export/backups")
	if !ok || !lieWithin(locations(mounts, "/mnt/sub/x"), []location{{"nfs " + host, dir}}) ||
		lieWithin(locations(mounts, "/mnt/whole/x"), []location{{"nfs " + host, dir}}) {
		t.Error("an export that is not mounted in sight")
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
