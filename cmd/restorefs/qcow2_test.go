package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/attended"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// needQcow2 gives the test a TMPDIR of its own, and checks at the end that no mount and no file is
// left in it.
func needQcow2(t *testing.T) {
	t.Helper()
	needMount(t)
	need(t, "qemu-img")
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil || strings.Contains(string(mounts), dir) {
			t.Errorf("a mount is left (%v)", err)
		}
		left, err := filepath.Glob(dir + "/restorefs*")
		if err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
}

// onlyThere checks that a directory contains exactly these files.
func onlyThere(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("%s holds %v, not %v", dir, got, names)
	}
}

func TestAQcow2HoldsTheVolume(t *testing.T) {
	needQcow2(t)
	share, list := storetest.Fixtures(t)
	for _, label := range []string{"chain 2", "odd size", "damaged with a sibling"} {
		t.Run(label, func(t *testing.T) {
			f := storetest.Find(t, list, label)
			target := filepath.Join(t.TempDir(), "disk.qcow2")
			args := []string{"materialize", "--format", "qcow2", "--share", share, "--json",
				"--verify-after", f.ID, target}
			stdout, stderr, code := restorefs(t, args...)
			var result attended.Result
			if err := json.Unmarshal([]byte(stdout), &result); err != nil || code != 0 ||
				result.Size != f.VolumeGiB<<30 || !result.Verified {
				t.Fatalf("exit %d, %v: %s%s", code, err, stdout, stderr)
			}
			run(t, "qemu-img", "compare", "-f", "raw", "-F", "qcow2", sourceDisk(t, share, list, f),
				target)
			st, err := os.Stat(target)
			if err != nil || st.Size() > 8<<20 || st.Mode() != 0o600 {
				t.Errorf("the file: %v, %v", st, err)
			}
			onlyThere(t, filepath.Dir(target), "disk.qcow2", "disk.qcow2.metadata.json")
			if _, stderr, code := restorefs(t, args...); code != exitcode.Refused ||
				!strings.Contains(stderr, "exists") {
				t.Errorf("over an existing file: exit %d: %s", code, stderr)
			}
			if _, stderr, code := restorefs(t, append(args, "--force", "--yes")...); code != 0 {
				t.Errorf("--force: exit %d: %s", code, stderr)
			}
		})
	}
}

func TestNothingIsLeftOfAFailedQcow2(t *testing.T) {
	needQcow2(t)
	share, list := storetest.Fixtures(t)
	damaged, good := storetest.Find(t, list, "none object flipped").ID,
		storetest.Find(t, list, "full zlib").ID
	dir := t.TempDir()
	target := filepath.Join(dir, "disk.qcow2")
	if _, stderr, code := restorefs(t, "materialize", "--format", "qcow2", "--share", share,
		damaged, target); code != exitcode.Damaged || !strings.Contains(stderr, "SHA-256") {
		t.Errorf("damage: exit %d: %s", code, stderr)
	}
	t.Setenv("PATH", dir)
	if _, stderr, code := restorefs(t, "materialize", "--format", "qcow2", "--share", share, good,
		target); code != exitcode.Failed || !strings.Contains(stderr, "qemu-img") {
		t.Errorf("no qemu-img: exit %d: %s", code, stderr)
	}
	onlyThere(t, dir)
}

func TestASignalEndsAQcow2AndLeavesNothing(t *testing.T) {
	needQcow2(t)
	share, list := storetest.Fixtures(t)
	// A qemu-img that keeps the disk open and does nothing else. DISK is its seventh argument.
	bin, dir := t.TempDir(), t.TempDir()
	started := filepath.Join(bin, "started")
	script := "#!/bin/sh\nexec <\"$7\"\ntouch " + started + "\nexec sleep 60\n"
	if err := os.WriteFile(filepath.Join(bin, "qemu-img"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	cmd := program(t, "materialize", "--format", "qcow2", "--share", share,
		storetest.Find(t, list, "full zlib").ID, filepath.Join(dir, "disk.qcow2"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if _, err := os.Stat(started); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitcode.Failed {
		t.Errorf("%v", err)
	}
	onlyThere(t, dir)
}

func TestAQcow2IsReportedAlsoIfItsMountCannotBeRemoved(t *testing.T) {
	needQcow2(t)
	if os.Geteuid() != 0 {
		skip(t, "needs root to take away the mount")
	}
	real, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Fatal(err)
	}
	share, b := smallShare(t)
	// A qemu-img that removes the mount before its owner does.
	bin, target := t.TempDir(), filepath.Join(t.TempDir(), "disk.qcow2")
	script := "#!/bin/sh\n[ $1 != check ] || { umount $TMPDIR/restorefs-qcow2-*; rmdir $TMPDIR/restorefs-qcow2-*; }\nexec " + real + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "qemu-img"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	stdout, stderr, code := restorefs(t, "materialize", "--format", "qcow2", "--share", share, b.ID,
		target)
	if code != exitcode.Failed ||
		!strings.Contains(stdout, "restored backup "+b.ID+" to "+target) ||
		!strings.Contains(stderr, "restorefs-qcow2-") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

func TestWhatDoesNotGoWithQcow2(t *testing.T) {
	share, list := storetest.Fixtures(t)
	target := filepath.Join(t.TempDir(), "disk")
	for _, flags := range []string{"--format vmdk", "--format qcow2 --delta",
		"--format qcow2 --salvage", "--progress often"} {
		args := append([]string{"materialize", "--share", share, list[0].ID, target},
			strings.Fields(flags)...)
		if _, stderr, code := restorefs(t, args...); code != exitcode.Usage {
			t.Errorf("%s: exit %d: %s", flags, code, stderr)
		}
	}
	if _, err := os.Stat(target); !os.IsNotExist(err) {
		t.Errorf("the target: %v", err)
	}
}
