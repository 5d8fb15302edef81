package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/restore"
)

// No file of the operator's is replaced without --force, and that is said before anything is
// written.
func TestNothingOfTheOperatorsIsReplaced(t *testing.T) {
	firstPass(t)
	share, ids := recordsShare(t)
	precious := `{"backup": {"id": "` + ids[0] + `"}, "volume": {}}`
	for what, c := range map[string]struct {
		at   func(dir string) string // of the existing file
		args []string
	}{
		"--metadata-out": {func(dir string) string { return dir + "/m.json" },
			[]string{"--metadata-out", "m.json"}},
		"TARGET.metadata.json": {func(dir string) string { return dir + "/q.raw.metadata.json" },
			nil},
		"of a qcow2": {func(dir string) string { return dir + "/q.raw.metadata.json" },
			[]string{"--format", "qcow2"}},
		"a symbolic link": {func(dir string) string { return dir + "/m.json" },
			[]string{"--metadata-out", "m.json"}},
	} {
		t.Run(what, func(t *testing.T) {
			if what == "of a qcow2" {
				need(t, "qemu-img")
				needMount(t)
			}
			dir := t.TempDir()
			file, content := c.at(dir), filepath.Join(dir, "content")
			if err := os.WriteFile(content, []byte(precious), 0o640); err != nil {
				t.Fatal(err)
			}
			place := os.Link
			if what == "a symbolic link" {
				place = os.Symlink
			}
			if err := place(content, file); err != nil {
				t.Fatal(err)
			}
			try := func(args ...string) (string, int) {
				cmd := program(t, append(append([]string{"materialize", "--yes", "--share", share},
					c.args...), args...)...)
				cmd.Dir = dir
				out, _ := cmd.CombinedOutput()
				return string(out), cmd.ProcessState.ExitCode()
			}
			out, code := try(ids[0], "q.raw")
			if _, err := os.Stat(dir + "/q.raw"); code != exitcode.Refused ||
				!containsAll(out, []string{filepath.Base(file), "restorefs wrote", "--force"}) ||
				err == nil {
				t.Fatalf("exit %d, %s; %v", code, out, err)
			}
			if text, err := os.ReadFile(content); err != nil || string(text) != precious {
				t.Fatalf("%q %v", text, err)
			}
			if out, code := try("--force", ids[0], "q.raw"); code != exitcode.Done {
				t.Fatalf("exit %d, %s", code, out)
			}
			if err := (restore.Keeper{}).May(file); err != nil {
				t.Error("not written")
			}
			// It replaces what it wrote itself, also for another backup.
			if err := os.Remove(dir + "/q.raw"); err != nil {
				t.Fatal(err)
			}
			if out, code := try(ids[2], "q.raw"); code != exitcode.Done {
				t.Fatalf("exit %d, %s", code, out)
			}
			if text, err := os.ReadFile(file); err != nil ||
				!strings.Contains(string(text), ids[2]) {
				t.Errorf("%s %v", text, err)
			}
			if text, err := os.ReadFile(content); err != nil || string(text) != precious {
				t.Errorf("what has another name was written: %q %v", text, err)
			}
		})
	}
}

func TestMetadataToStdout(t *testing.T) {
	share, ids := recordsShare(t)
	dir := t.TempDir()
	target := filepath.Join(dir, "q.raw")
	stdout, stderr, code := restorefs(t, "materialize", "--share", share, "--metadata-out", "-",
		ids[0], target)
	var record backupstore.Record
	if err := json.Unmarshal([]byte(stdout), &record); code != 0 || err != nil ||
		record.Backup.ID != ids[0] || !strings.Contains(stderr, "restored backup") {
		t.Errorf("exit %d, %v, %s, %s", code, err, stdout, stderr)
	}
	onlyThere(t, dir, "q.raw")
	for _, args := range [][]string{{"--json", ids[0], target}, {ids[0], "-"},
		{"--json", "--dry-run", ids[0], target}} {
		if _, stderr, code := restorefs(t, append([]string{"materialize", "--share", share,
			"--metadata-out", "-"}, args...)...); code != exitcode.Usage ||
			!strings.Contains(stderr, "stdout") {
			t.Errorf("%v: exit %d, %s", args, code, stderr)
		}
	}
	for _, path := range []string{"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1",
		"/dev/metadata.json"} {
		before, _ := os.Readlink(path)
		_, stderr, code := restorefs(t, "materialize", "--share", share, "--yes", "--force",
			"--metadata-out", path, ids[0], target)
		if after, _ := os.Readlink(path); code != exitcode.Usage ||
			!strings.Contains(stderr, "--metadata-out") || after != before {
			t.Errorf("%s: exit %d, %s; it was %q and is %q", path, code, stderr, before, after)
		}
	}
	other := filepath.Join(dir, "r.raw")
	_, stderr, code = restorefs(t, "materialize", "--share", share, "--metadata-out",
		dir+"/none/m.json", ids[0], other)
	if code != exitcode.Usage || !strings.Contains(stderr, "no such directory") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	onlyThere(t, dir, "q.raw")
}
