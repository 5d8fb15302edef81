package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// A name does wherever an id does, and what it meant is told.
func TestABackupIsAskedForByTheNameOfItsVolume(t *testing.T) {
	share, list := storetest.Fixtures(t)
	full, incremental := storetest.Find(t, list, "ext4 full"),
		storetest.Find(t, list, "ext4 incremental")
	out, errOut, code := restorefs(t, "show", "--share", share, incremental.ID)
	if code != exitcode.Done {
		t.Fatal(errOut)
	}
	name := ""
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "name" {
			name = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "name"))
		}
	}
	if name == "" {
		t.Fatalf("the volume has no name: %s", out)
	}
	hour := time.Since(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)).Truncate(time.Hour)
	for _, c := range []struct {
		args  string
		code  int
		out   string
		says  string
		never string
	}{
		{"show|" + name + "@latest", exitcode.Done, incremental.ID, "", ""},
		{"verify|" + name + "@latest", exitcode.Done, incremental.ID, "", ""},
		{"ls|" + name + "@latest", exitcode.Done, "", "", ""},
		{"show|" + name, exitcode.Usage, "", "\"" + name + "@latest\"", ""},
		{"show|" + name + "@" + hour.String(), exitcode.Usage, "", "no backup at or before", ""},
		{"show|" + name + "@1h ago", exitcode.Done, incremental.ID, "note    \"1h ago\" is 2", ""},
		{"list|--volume|" + name, exitcode.Done, full.ID, "",
			storetest.Find(t, list, "chain 1").ID},
		{"list|--name|" + strings.ToUpper(name), exitcode.Done, full.ID, "",
			storetest.Find(t, list, "chain 1").ID},
		{"list|--volume|" + name + "|--format|csv", exitcode.Done, "id,volume_id,", "", "chain"},
		{"list|--name|none*", exitcode.Done, "", "is like that", "BACKUP"},
		{"list|--state|good", exitcode.Usage, "", "complete, broken, incomplete or damaged", ""},
		{"list|--sort|age", exitcode.Usage, "", "name, time or size", ""},
		{"list|--since|noon", exitcode.Usage, "", "is no time such as", ""},
		{"list|--graph|--json", exitcode.Usage, "", "--graph", ""},
		{"list|--json|--format|csv", exitcode.Usage, "", "two things", ""},
	} {
		args := strings.Split(c.args, "|")
		out, errOut, code := restorefs(t, append([]string{args[0], "--share", share},
			args[1:]...)...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errOut, c.says) ||
			c.never != "" && strings.Contains(out, c.never) {
			t.Errorf("%s: exit %d: %s%s", c.args, code, out, errOut)
		}
	}
}

func TestAnErrorIsJSONWhereJSONIsAskedFor(t *testing.T) {
	for _, args := range [][]string{
		{"show", "--json", "x", "--share", "/nonexistent"},
		{"--json", "shw"},
		{"list", "--format", "json", "--nonsense"},
		{"records", "--json", "--backup-service", ""},
	} {
		stdout, stderr, code := restorefs(t, args...)
		lines := strings.Split(strings.TrimSpace(stderr), "\n")
		var got exitcode.Reported
		err := json.Unmarshal([]byte(lines[len(lines)-1]), &got)
		if err != nil || got.Error == "" || got.Exit != code || code == exitcode.Done ||
			stdout != "" {
			t.Errorf("%q: exit %d, %v: %s%s", args, code, err, stdout, stderr)
		}
	}
}

func TestACommandIsCalledAsItWasCalled(t *testing.T) {
	for _, name := range []string{"restore", "materialize"} {
		_, stderr, code := restorefs(t, name, "--share", t.TempDir(), "8473")
		if code != exitcode.Usage || !strings.Contains(stderr, name+" takes BACKUP and TARGET") ||
			!strings.Contains(stderr, "restorefs "+name+" --help") {
			t.Errorf("%s: exit %d: %s", name, code, stderr)
		}
	}
}
