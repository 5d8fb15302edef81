package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

func TestIndexIsBuiltAndUsed(t *testing.T) {
	share := t.TempDir()
	made := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("index"),
		VolumeID: storetest.ID("index volume"), Content: storetest.Disk(16<<20, 5)})
	cache := t.TempDir()
	t.Setenv("RESTOREFS_CACHE_DIR", cache)
	stdout, stderr, code := restorefs(t, "index", "--share", share, "--all")
	if code != 0 || !strings.Contains(stdout, "indexed") {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	files := 0
	filepath.WalkDir(filepath.Join(cache, "index"), func(_ string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files++
		}
		return err
	})
	if files == 0 {
		t.Error("no index was kept")
	}
	target := filepath.Join(t.TempDir(), "disk.raw")
	if _, stderr, code := restorefs(t, "materialize", "--share", share, made.ID,
		target); code != 0 {
		t.Errorf("with an index: exit %d: %s", code, stderr)
	}
	if _, _, code := restorefs(t, "index", "--share", share); code != exitcode.Usage {
		t.Errorf("neither backups nor --all: exit %d", code)
	}
}
