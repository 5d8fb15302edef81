package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/report"
)

func TestAShareWithoutBackupsIsNoSuccess(t *testing.T) {
	unwatched(t)
	empty := t.TempDir()
	if err := os.MkdirAll(filepath.Join(empty, "aa/bb/deleted"), 0o700); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]int{
		"list": exitcode.Failed, "list --all": exitcode.Failed, "list --json": exitcode.Failed,
		"list --volume aaaa": exitcode.Failed,
		"verify":             exitcode.Failed, "records": exitcode.Failed,
		"records --json": exitcode.Failed,
		"index --all":    exitcode.Failed,
		"show aaaa":      exitcode.Usage, "show aaaa@latest": exitcode.Usage,
		"diff aaaa bbbb": exitcode.Usage, "materialize aaaa " + empty + "/x": exitcode.Usage,
	} {
		stdout, stderr, code := restorefs(t, append(strings.Fields(command), "--share", empty)...)
		if code != want ||
			!strings.Contains(stderr, "is the share mounted, and is this its directory?") {
			t.Errorf("%s: exit %d: %s", command, code, stderr)
		}
		if command == "list --json" && strings.TrimSpace(stdout) != "[]" {
			t.Errorf("%s: %q", command, stdout)
		}
	}
}

func TestAVolumeWithoutBackupsIsTheSameInJSON(t *testing.T) {
	unwatched(t)
	share, _ := smallShare(t)
	for _, flags := range [][]string{{}, {"--json"}} {
		stdout, stderr, code := restorefs(t, append([]string{"list", "--share", share, "--volume",
			"ffffffff"}, flags...)...)
		if code != exitcode.Usage || !strings.Contains(stderr, "no such backup of volume ") ||
			!strings.Contains(stderr, "ffffffff") {
			t.Errorf("%q: exit %d: %s", flags, code, stderr)
		}
		if len(flags) > 0 && strings.TrimSpace(stdout) != "[]" {
			t.Errorf("%q", stdout)
		}
	}
}

// A share may be mounted later: a mount that is there before it says so.
func TestAMountOfAShareWithoutBackupsWarns(t *testing.T) {
	needMount(t)
	_, stderr, code := restorefs(t, "mount", "--share", t.TempDir(), "--run", "true", t.TempDir())
	if code != exitcode.Done ||
		!strings.Contains(stderr, "is the share mounted, and is this its directory?") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestAMountOfRestorefsIsNoShare(t *testing.T) {
	unwatched(t)
	needMount(t)
	share, b := smallShare(t)
	mountpoint, _ := mountShare(t, share)
	for _, command := range []string{"list", "list --json", "verify", "show " + b.ID, "mount " +
		t.TempDir()} {
		for _, dir := range []string{mountpoint, filepath.Join(mountpoint, "backups")} {
			_, stderr, code := restorefs(t, append(strings.Fields(command), "--share", dir)...)
			if code != exitcode.Failed || !strings.Contains(stderr,
				dir+" is no share: it is a restorefs mount (type fuse.restorefs, on "+mountpoint) ||
				!strings.Contains(stderr, "Cinder writes them, "+share) {
				t.Errorf("%s on %s: exit %d: %s", command, dir, code, stderr)
			}
		}
	}
}

func TestWhatMayBeBackupsAndIsNotReadFailsAndJSONStaysWhole(t *testing.T) {
	unwatched(t)
	share, b := smallShare(t)
	if err := os.Symlink("/etc", filepath.Join(share, "moved")); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := restorefs(t, "list", "--share", share, "--json")
	var all []report.Backup
	if err := json.Unmarshal([]byte(stdout), &all); err != nil || len(all) != 1 ||
		all[0].ID != b.ID {
		t.Errorf("%v: %s", err, stdout)
	}
	if code != exitcode.Failed ||
		!strings.Contains(stderr, "moved is a symbolic link that leads out of the share") ||
		!strings.Contains(stderr, "not all of the share") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if _, stderr, code := restorefs(t, "show", "--share", share, b.ID); code != exitcode.Done ||
		!strings.Contains(stderr, "moved is a symbolic link") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestAnOldBackupIsListedShownAndRestored(t *testing.T) {
	share := t.TempDir()
	content := storetest.Text(256<<10, 1)
	full := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("o1"),
		VolumeID: storetest.ID("ov"), OldNames: true, Content: content})
	changed := storetest.Overlay(content, storetest.Random(256<<10, 1),
		storetest.Extent{Offset: 32 << 10, Length: 32 << 10})
	last := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("o2"),
		VolumeID: storetest.ID("ov"), OldNames: true, Content: changed,
		ParentID: full.ID, Parent: content})
	stdout, stderr, code := restorefs(t, "list", "--share", share)
	if code != exitcode.Done || stderr != "" || !strings.Contains(stdout, full.ID) ||
		!strings.Contains(stdout, "on "+full.ID[:8]) {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	if stdout, _, _ := restorefs(t, "show", "--share", share, last.ID); !strings.Contains(stdout,
		last.ID+"/backup*") {
		t.Error(stdout)
	}
	if stdout, stderr, code := restorefs(t, "verify", "--share", share); code != exitcode.Done ||
		strings.Count(stdout, "  ok  ") != 2 {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	if stdout, _, code := restorefs(t, "records", "--share", share,
		"--json"); code != exitcode.Done || strings.Count(stdout,
		`"service_metadata": "backup"`) != 2 {
		t.Errorf("exit %d: %s", code, stdout)
	}
	target := filepath.Join(t.TempDir(), "disk.raw")
	if _, stderr, code := restorefs(t, "materialize", "--share", share, last.ID,
		target); code != exitcode.Done {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	want := make([]byte, 256<<10)
	if _, err := changed.ReadAt(want, 0); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(target)
	if err != nil || !bytes.HasPrefix(got, want) {
		t.Errorf("the disk differs, %v", err)
	}
}
