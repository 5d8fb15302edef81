package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/records"
)

// Only the share is left: a new Cinder learns of the backups from it.
func TestARealCloudThatLostItsDatabaseGetsItsBackupsBack(t *testing.T) {
	old := needCloud(t)
	demo := old.mustLogin(t, "demo")
	const size = 4 << 20
	full := storetest.Disk(size, 20)
	changed := storetest.Overlay(full, storetest.Zeros(size),
		storetest.Extent{Offset: 0, Length: 1 << 20})
	changed = storetest.Overlay(changed, storetest.Random(size, 21),
		storetest.Extent{Offset: 3<<20 - 5, Length: 100})
	volume := demo.newVolume(t, object{"name": "db", "metadata": object{"k": "v"}})
	old.fill(t, volume, full)
	demo.backup(t, volume, false)
	old.fill(t, volume, changed)
	last := demo.backup(t, volume, true)

	fresh := ownCloud(t, old.backups)
	// In this cloud every caller is an admin of the project that it names.
	s := fresh.mustLogin(t, "admin")
	s.project, s.token = demo.project, "admin:"+demo.project
	stdout, stderr := s.must(t, "records", "--share", old.backups, "--project", s.project,
		"--import", "--json")
	var imported []records.Imported
	if err := json.Unmarshal([]byte(stdout), &imported); err != nil || len(imported) < 2 {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	var before, after struct{ Backups []struct{ ID string } }
	demo.call(t, "GET", "/backups", nil, 200, &before)
	s.call(t, "GET", "/backups", nil, 200, &after)
	if len(after.Backups) != len(before.Backups) || len(imported) != len(before.Backups) {
		t.Errorf("%d of %d backups are there again, %d were imported", len(after.Backups),
			len(before.Backups), len(imported))
	}
	for _, b := range before.Backups { // all that Cinder shows of them
		want, got := demo.wait(t, "backup", b.ID), s.wait(t, "backup", b.ID)
		for _, o := range []object{want, got} {
			// Cinder sets these again.
			for _, k := range []string{"links", "created_at", "updated_at", "data_timestamp",
				"availability_zone", "user_id", "os-backup-project-attr:project_id"} {
				delete(o, k)
			}
		}
		sameView(t, want, got)
	}
	if _, stderr := s.must(t, "records", "--share", old.backups, "--project", s.project,
		"--import"); !strings.Contains(stderr, "0 imported") {
		t.Errorf("a second time: %s", stderr)
	}

	restored := s.restore(t, last, "", "")
	view := s.view(t, restored)
	if view["name"] != "db" || view["metadata"].(object)["k"] != "v" {
		t.Errorf("%v", view)
	}
	if err := os.Truncate(fresh.disk(restored), 1<<30); err != nil { // Cinder cuts it
		t.Fatal(err)
	}
	right := cinderRestoresRight(t)
	if right {
		fresh.sameContent(t, restored, changed, 1)
	}

	// The volume, and so its id, has outlived the database, and the chain is continued.
	stand := s.newVolume(t, object{"name": "db"})
	rename := "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], timeout=60)\ndb.execute('UPDATE volumes SET id = ? WHERE id = ?', sys.argv[2:])\ndb.commit()"
	run(t, "/usr/bin/python3", "-c", rename, filepath.Join(filepath.Dir(fresh.volumes),
		"cinder.sqlite"), volume, stand)
	if err := os.Rename(fresh.disk(stand), fresh.disk(volume)); err != nil {
		t.Fatal(err)
	}
	again := storetest.Overlay(changed, storetest.Text(size, 22),
		storetest.Extent{Offset: 2 << 20, Length: 40000})
	fresh.fill(t, volume, again)
	next := s.backup(t, volume, true)
	if b := s.wait(t, "backup", next); b["is_incremental"] != true {
		t.Errorf("%v", b)
	}
	target := filepath.Join(t.TempDir(), "disk")
	s.must(t, "materialize", "--share", old.backups, next, target)
	if out, err := exec.Command("cmp", "-n", "4194304", target,
		fresh.disk(volume)).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if stdout, _ := s.must(t, "show", "--share", old.backups, "--json",
		next); !strings.Contains(stdout, last) {
		t.Errorf("it is not on top of %s: %s", last, stdout)
	}
	twice := s.restore(t, next, "", "")
	if out, err := exec.Command("cmp", "-n", "4194304", target,
		fresh.disk(twice)).CombinedOutput(); right && err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
