package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// copiedInUse makes a backup of a mounted ext4 in which a file has just been synced, and one of the
// same file system after it was unmounted.
func copiedInUse(t *testing.T) (share, used, clean string) {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "needs root for mounting")
	}
	need(t, "mkfs.ext4", "mount", "umount", "cp")
	dir := t.TempDir()
	disk, at := filepath.Join(dir, "disk"), filepath.Join(dir, "at")
	run(t, "mkdir", at)
	run(t, "truncate", "-s", "16M", disk)
	run(t, "mkfs.ext4", "-q", "-L", "system", disk)
	run(t, "mount", "-o", "loop", disk, at)
	mounted := true
	defer func() {
		if mounted {
			exec.Command("umount", at).Run()
		}
	}()
	run(t, "sh", "-c", `echo recent >"$0/file" && sync "$0/file"`, at)
	copied := filepath.Join(dir, "copied")
	run(t, "cp", "--sparse=always", disk, copied)
	run(t, "umount", at)
	mounted = false
	share = t.TempDir()
	for _, b := range []struct{ id, disk string }{{"used", copied}, {"clean", disk}} {
		storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID(b.id),
			VolumeID: storetest.ID(b.id + " volume"), Content: fileContent(t, b.disk)})
	}
	return share, storetest.ID("used"), storetest.ID("clean")
}

func TestADiskThatWasInUseIsTold(t *testing.T) {
	unwatched(t)
	share, used, clean := copiedInUse(t)
	const told, advice = `ext4 "system", in use when it was backed up`, "mount it with --overlay"
	stdout, stderr, code := restorefs(t, "show", "--share", share, used)
	if code != 0 || !strings.Contains(stdout, told) || !strings.Contains(stdout, advice) {
		t.Errorf("show: exit %d: %s%s", code, stdout, stderr)
	}
	stdout, stderr, code = restorefs(t, "show", "--share", share, clean)
	if code != 0 || !strings.Contains(stdout, `ext4 "system", not in use`) ||
		strings.Contains(stdout, advice) {
		t.Errorf("show: exit %d: %s%s", code, stdout, stderr)
	}
	stdout, _, code = restorefs(t, "show", "--share", share, "--look", "0", used)
	if code != 0 || strings.Contains(stdout, "ext4") {
		t.Errorf("show: exit %d: %s", code, stdout)
	}

	stdout, stderr, code = restorefs(t, "list", "--share", share, "--look", "1m", "--json")
	var listed []struct {
		ID   string
		Disk struct {
			InUse    *bool `json:"in_use"`
			Contents []struct{ Kind, Label, State string }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &listed); err != nil || code != 0 || len(listed) != 2 {
		t.Fatalf("list: exit %d, %v: %s%s", code, err, stdout, stderr)
	}
	for _, b := range listed {
		want := fmt.Sprint([]struct{ Kind, Label, State string }{{"ext4", "system",
			map[string]string{used: "in use", clean: "clean"}[b.ID]}})
		if b.Disk.InUse == nil || *b.Disk.InUse != (b.ID == used) ||
			fmt.Sprint(b.Disk.Contents) != want {
			t.Errorf("%+v, want %s", b, want)
		}
	}
	if stdout, _, code = restorefs(t, "list", "--share", share, "--json"); code != 0 ||
		strings.Contains(stdout, "disk") {
		t.Errorf("list without --look: exit %d: %s", code, stdout)
	}

	target := filepath.Join(t.TempDir(), "disk.raw")
	stdout, stderr, code = restorefs(t, "materialize", "--share", share, used, target)
	if code != 0 || !strings.Contains(stdout, told) ||
		!strings.Contains(stdout, "its first mount must be able to write") {
		t.Errorf("materialize: exit %d: %s%s", code, stdout, stderr)
	}
	pipe := program(t, "materialize", "--share", share, used, "-")
	var said bytes.Buffer
	pipe.Stderr = &said // stdout, a GiB, goes to /dev/null
	if err := pipe.Run(); err != nil || !strings.Contains(said.String(), told) {
		t.Errorf("materialize to a pipe: %v: %s", err, said.String())
	}
	stdout, _, code = restorefs(t, "materialize", "--share", share, "--json", clean, target+"2")
	if code != 0 || !strings.Contains(stdout, `"in_use": false`) {
		t.Errorf("materialize: exit %d: %s", code, stdout)
	}
}

// As the documents say about such a disk, the file is missing without the journal, and is there
// with an overlay.
func TestADiskThatWasInUseIsReadThroughAnOverlay(t *testing.T) {
	needMount(t)
	share, used, _ := copiedInUse(t)
	mountpoint, _ := mountShare(t, share, "--overlay", t.TempDir())
	dir := filepath.Join(mountpoint, "backups", used)
	info, err := os.ReadFile(filepath.Join(dir, "info.txt"))
	if err != nil || !strings.Contains(string(info), "in use when it was backed up") {
		t.Errorf("%s, %v", info, err)
	}
	at := t.TempDir()
	run(t, "mount", "-o", "loop", filepath.Join(dir, "volume.raw"), at)
	defer exec.Command("umount", at).Run()
	if text, err := os.ReadFile(filepath.Join(at, "file")); err != nil ||
		string(text) != "recent\n" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestADiskThatBeginsLikeAnotherImageIsTold(t *testing.T) {
	share := t.TempDir()
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(disk, append([]byte("QFI\xfb\x00\x00\x00\x03"),
		make([]byte, 1<<20-8)...), 0o600); err != nil {
		t.Fatal(err)
	}
	id := storetest.ID("qcow2")
	storetest.MustWrite(t, share, storetest.Spec{ID: id, VolumeID: storetest.ID("volume"),
		Content: fileContent(t, disk)})
	const want = "the data begins as a qcow2 image does"
	if stdout, _, code := restorefs(t, "show", "--share", share, id); code != 0 ||
		!strings.Contains(stdout, want) {
		t.Errorf("show: exit %d: %s", code, stdout)
	}
	if stdout, _, code := restorefs(t, "materialize", "--share", share, id, disk+"2"); code != 0 ||
		!strings.Contains(stdout, want) {
		t.Errorf("materialize: exit %d: %s", code, stdout)
	}
	// A qcow2 file begins as one; the disk in it need not.
	if _, err := exec.LookPath("qemu-img"); err != nil {
		return
	}
	needMount(t)
	other := storetest.ID("other")
	storetest.MustWrite(t, share, storetest.Spec{ID: other, VolumeID: storetest.ID("other's"),
		Content: storetest.Text(1<<20, 1)})
	for backup, told := range map[string]bool{id: true, other: false} {
		stdout, stderr, code := restorefs(t, "materialize", "--share", share, "--format", "qcow2",
			backup, filepath.Join(t.TempDir(), "disk.qcow2"))
		if code != 0 || strings.Contains(stdout+stderr, want) != told {
			t.Errorf("materialize --format qcow2: exit %d: %s%s", code, stdout, stderr)
		}
	}
}
