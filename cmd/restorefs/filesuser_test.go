package main

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The commands for files inside a disk need neither root nor a device: not /dev/fuse, no loop
// device, nothing else in /dev.
func TestAnOrdinaryUserReadsFilesWithoutAnyDevice(t *testing.T) {
	firstPass(t)
	dir, command := asNobody(t)
	need(t, "unshare")
	from, b, _ := filesShare(t)
	share := filepath.Join(dir, "share")
	run(t, "cp", "-r", from, share)
	run(t, "chown", "-R", "65534:65534", share)
	do := func(args ...string) string {
		t.Helper()
		inner := command(append([]string{filepath.Join(dir, "restorefs"), args[0], "--share", share,
			b.ID}, args[1:]...)...)
		cmd := exec.Command("unshare", append([]string{"--mount", "sh", "-c",
			`mount -t tmpfs none /dev && exec "$@"`, "sh"}, inner.Args...)...)
		cmd.Env, cmd.Dir = inner.Env, inner.Dir
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%q: %v: %s", args, err, &said)
		}
		return string(out)
	}
	if out := do("ls", "p1:/etc"); !strings.Contains(out, " fstab\n") {
		t.Errorf("ls: %s", out)
	}
	if out := do("find", "--name", "fst*"); out != "p1:/etc/fstab\n" {
		t.Errorf("find: %s", out)
	}
	if out := do("cat", "p1:/etc/fstab"); out != "the table\n" {
		t.Errorf("cat: %s", out)
	}
	member, err := tar.NewReader(strings.NewReader(do("tar", "p1:/etc/fstab"))).Next()
	if err != nil || member.Size != 10 {
		t.Errorf("tar: %+v, %v", member, err)
	}
	do("cp", "-a", "p1:/etc", filepath.Join(dir, "out"))
	copied := filepath.Join(dir, "out", "hosts")
	st, err := os.Stat(copied)
	if err != nil {
		t.Fatal(err)
	}
	if uid := st.Sys().(*syscall.Stat_t).Uid; uid != 65534 {
		t.Errorf("%s belongs to the user %d", copied, uid)
	}
	if text, err := os.ReadFile(copied); err != nil || string(text) != "127.0.0.1\n" {
		t.Errorf("%s has %q, %v", copied, text, err)
	}
}
