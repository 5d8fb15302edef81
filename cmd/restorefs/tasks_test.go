package main

import (
	"cmp"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/cmd/exitcode"
)

// task is a line of docs/tasks.md.
type task struct {
	number  int
	command string // as a shell runs it
}

func tasks(t *testing.T) (list []task) {
	t.Helper()
	page, err := os.ReadFile("../../docs/tasks.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| (\\d+) \\| .* \\| `(.*)` \\|$")
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil || n != len(list)+1 {
			t.Errorf("task %s comes after %d", m[1], len(list))
		}
		list = append(list, task{n, strings.ReplaceAll(m[2], `\|`, "|")})
	}
	if len(list) != 40 {
		t.Errorf("%d tasks", len(list))
	}
	return list
}

// taskShare is the sample, with its volume called as in docs/tasks.md, and files as it has them.
func taskShare(t *testing.T) string {
	t.Helper()
	share := t.TempDir()
	if err := os.CopyFS(share, os.DirFS("sample")); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(share, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_metadata") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "demo volume", "db-data")), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return share
}

// Each command of docs/tasks.md, by a shell, with files for devices and directories of the test.
func TestEveryTaskIsDoneByItsCommand(t *testing.T) {
	unwatched(t)
	bin, share := t.TempDir(), taskShare(t)
	self := cmp.Or(os.Getenv("RESTOREFS_TEST_PROGRAM"), os.Args[0])
	if err := os.Symlink(self, bin+"/restorefs"); err != nil {
		t.Fatal(err)
	}
	// The other machine is this one.
	if err := os.WriteFile(bin+"/ssh", []byte("#!/bin/sh\nshift\nexec sh -c \"$*\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RESTOREFS_TEST_MAIN", "1")
	t.Setenv("RESTOREFS_SHARE", share)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, name := range os.Environ() {
		if name, _, _ = strings.Cut(name, "="); strings.HasPrefix(name, "OS_") {
			t.Setenv(name, "") // no cloud
		}
	}
	for _, task := range tasks(t) {
		t.Run(task.command, func(t *testing.T) { task.run(t) })
	}
}

func (task task) run(t *testing.T) {
	words := strings.Fields(task.command)
	verb := words[1]
	switch {
	case verb == "mount" || verb == "unmount":
		needMount(t)
	case strings.Contains(task.command, "qcow2"):
		needMount(t)
		need(t, "qemu-img")
	}
	dir := t.TempDir()
	for _, name := range []string{"/restore", "/overlay", "/mnt"} {
		if err := os.Mkdir(dir+name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	command := strings.NewReplacer("'cat >/srv/restore", "'wc -c >"+dir+"/restore", // not a GiB of zeros
		"/dev/vdb", dir+"/vdb", "/srv/restore", dir+"/restore", "/srv/overlay", dir+"/overlay",
		"/mnt/restore", dir+"/mnt", "/etc/fstab", "/hello.txt", "/var/www", "/notes").Replace(task.command)
	before, after := "true", "true"
	switch {
	case verb == "mount":
		after = "restorefs unmount " + dir + "/mnt"
	case verb == "unmount":
		before = "restorefs mount --daemon " + dir + "/mnt"
	case strings.Contains(command, "--target"):
		before = "restorefs materialize a08e2856 " + dir + "/vdb"
	case strings.Contains(command, "--delta"):
		before, command = "restorefs materialize 568c790f "+dir+"/vdb", command+" --yes"
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", "set -e\n"+before+"\n"+command+"\n"+after).CombinedOutput()
	code := 0
	if err != nil {
		code = err.(*exec.ExitError).ExitCode()
	}
	cloud := regexp.MustCompile(`--volume [0-9a-f]{8}-|--new-volume|--import`).MatchString(command)
	if cloud && (code == exitcode.Done || !strings.Contains(string(out), "no usable credentials of the cloud")) || !cloud && code != exitcode.Done {
		t.Errorf("exit %d: %s", code, out)
	}
	if verb == "materialize" && !cloud && !strings.Contains(command, "--dry-run") {
		if made, _ := filepath.Glob(dir + "/*/db.*"); len(made) == 0 {
			if _, err := os.Stat(dir + "/vdb"); err != nil {
				t.Errorf("nothing was made: %s", out)
			}
		}
	}
}
