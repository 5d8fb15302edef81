package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// A name is not unique in Cinder, so that one that several volumes have is never guessed.
func TestAVolumeOfTheCloudIsNamedByItsName(t *testing.T) {
	unwatched(t)
	share, id := cloudBackup(t, storetest.Volume{Name: "db"})
	other := func(n int, name string) map[string]any {
		return map[string]any{"id": fmt.Sprintf("%08d-3ed7-43a6-8d37-6125fb65d94d", n),
			"name": name, "size": 7, "status": "in-use", "created_at": "2026-01-05T11:00:00.000000"}
	}
	f := newVolumeServer(t, cloudTarget, map[string]any{"name": "web"})
	f.Others = []map[string]any{other(1, "Web"), other(2, "twice"), other(3, "web2"),
		other(4, "twice"), other(5, cloudTarget)}
	for _, test := range []struct {
		volume, says string
		code         int
	}{
		{"web", "volume \"web\" of the cloud is " + cloudTarget, exitcode.Done},
		{"name=web", "is " + cloudTarget, exitcode.Done},
		{cloudTarget, "", exitcode.Done},
		{"id=" + cloudTarget, "", exitcode.Done},
		{"WEB", "no volume of the project is called WEB", exitcode.Usage},
		{cloudTarget[:8], "no volume of the project is called", exitcode.Usage},
		{"twice", "\n  00000004-3ed7-43a6-8d37-6125fb65d94d  7 GiB  in-use  made 2026-01-05 11:00:00",
			exitcode.Usage},
	} {
		f.Alter(func() { f.Volume["name"] = "web" }) // which the restore has changed
		_, stderr, code := inCloud(t, f.URL, "materialize", "--share", share, "--metadata-only",
			"--volume", test.volume, id)
		if code != test.code || !strings.Contains(stderr, test.says) {
			t.Errorf("%s: exit %d: %s", test.volume, code, stderr)
		}
	}
	if n := strings.Count(ambiguous(t, f, share, id), "\n  0000000"); n != 2 {
		t.Errorf("%d candidates", n)
	}
}

// ambiguous returns what is said of a name that two volumes have, where a TARGET is given.
func ambiguous(t *testing.T, f *volumeServer, share, id string) string {
	t.Helper()
	target := volumeFile(t, "volume-"+cloudTarget)
	_, stderr, code := inCloud(t, f.URL, "materialize", "--share", share, "--yes", "--volume",
		"twice", id, target)
	if code != exitcode.Usage || !strings.Contains(stderr, "ambiguous") || !blank(t, target) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	return stderr
}
