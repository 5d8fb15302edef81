package backupstore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestACopyOfABackupIsNotUsed(t *testing.T) {
	dir := t.TempDir()
	spec := storetest.Spec{ID: storetest.ID("b"), VolumeID: storetest.ID("v"), Content: storetest.Random(100, 1)}
	var copies []storetest.Backup
	for _, spec.Container = range []string{"m", "a", "z"} {
		copies = append(copies, storetest.MustWrite(t, dir, spec))
	}
	if err := os.Remove(copies[1].Path("-00001")); err != nil {
		t.Fatal(err)
	}
	b := oneBackup(t, openCatalog(t, dir, backupstore.Options{}))
	if b.Container() != "m" || b.State != backupstore.Complete || len(b.Problems) != 1 || !strings.Contains(b.Problems[0], "also in z and 1 more") {
		t.Errorf("%s in %s: %q", b.State, b.Container(), b.Problems)
	}
}

func TestABackupThatIsBeingWrittenIsNotCalledBroken(t *testing.T) {
	long := time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		change func(storetest.Backup) error
		young  string
		old    string
	}{
		"no _metadata yet": {func(b storetest.Backup) error { return os.Remove(b.Path("_metadata")) },
			"still writing", "did not complete"},
		"_metadata is empty": {func(b storetest.Backup) error { return os.Truncate(b.Path("_metadata"), 0) },
			"not done yet", "the file is empty"},
		"_metadata is short": {func(b storetest.Backup) error { return os.Truncate(b.Path("_metadata"), 300) },
			"not done yet", "ends after 300 bytes, in the middle"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("b"), VolumeID: storetest.ID("v"), Content: storetest.Random(100, 1)})
			if err := c.change(w); err != nil {
				t.Fatal(err)
			}
			catalog := openCatalog(t, dir, backupstore.Options{})
			b := oneBackup(t, catalog)
			if b.State == backupstore.Complete || !strings.Contains(b.Problems[0], c.young) {
				t.Errorf("%s: %q", b.State, b.Problems)
			}
			files, _ := filepath.Glob(filepath.Join(w.Dir, "*"))
			for _, f := range files {
				os.Chtimes(f, long, long)
			}
			refresh(t, catalog)
			b = oneBackup(t, catalog)
			if b.State == backupstore.Complete || !strings.Contains(b.Problems[0], c.old) || strings.Contains(b.Problems[0], c.young) {
				t.Errorf("%s: %q", b.State, b.Problems)
			}
		})
	}
}

func TestAnOddTimeIsTakenFromTheFileNames(t *testing.T) {
	dir := t.TempDir()
	w := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("b"), VolumeID: storetest.ID("v"), Content: storetest.Random(100, 1)})
	text, err := os.ReadFile(w.Path("_metadata"))
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("2026-02-01 12:00:00+00:00"), []byte("None"), 1)
	if err := os.WriteFile(w.Path("_metadata"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	b := oneBackup(t, openCatalog(t, dir, backupstore.Options{}))
	if b.State != backupstore.Complete || b.CreatedAt.Format(time.RFC3339) != "2026-02-01T12:00:00Z" || len(b.Problems) != 1 || !strings.Contains(b.Problems[0], "created_at") {
		t.Errorf("%s of %s: %q", b.State, b.CreatedAt, b.Problems)
	}
}

func TestAHugeMetadataIsRefusedUnread(t *testing.T) {
	dir := t.TempDir()
	w := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("b"), VolumeID: storetest.ID("v"), Content: storetest.Random(100, 1)})
	if err := os.Truncate(w.Path("_metadata"), 1<<30); err != nil {
		t.Fatal(err)
	}
	c, s := faultyCatalog(t, dir)
	refresh(t, c)
	if b := oneBackup(t, c); b.State != backupstore.Broken || !strings.Contains(b.Problems[0], "too large: 1073741824 bytes") || s.count("open") > 0 {
		t.Errorf("%s: %q, %d files were opened", b.State, b.Problems, s.count("open"))
	}
}

func TestWhatIsNoRegularFileIsNotUsed(t *testing.T) {
	dir := t.TempDir()
	w := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("b"), VolumeID: storetest.ID("v"), Content: storetest.Random(100, 1)})
	if err := errors.Join(os.Remove(w.Path("-00001")), syscall.Mkfifo(w.Path("-00001"), 0o600)); err != nil {
		t.Fatal(err)
	}
	b := oneBackup(t, openCatalog(t, dir, backupstore.Options{}))
	if b.State != backupstore.Broken || len(b.Problems) != 2 || !strings.Contains(b.Problems[0], "missing") || !strings.Contains(b.Problems[1], "-00001 is no regular file") {
		t.Errorf("%s: %q", b.State, b.Problems)
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	dir, fixtures := storetest.Fixtures(t)
	links := storetest.Symlinks(t, dir)
	c := openCatalog(t, dir, backupstore.Options{})
	if n := len(c.Backups()); n != len(fixtures)+2 {
		t.Errorf("%d backups are listed, %d and two are there", n, len(fixtures))
	}
	for _, f := range links {
		b, err := c.Find(f.ID)
		if f.State == storetest.Unseen {
			if err == nil {
				t.Errorf("%s: %s is listed", f.Label, b.ID)
			}
			continue
		}
		if err != nil || b.State == backupstore.Complete {
			t.Errorf("%s: %v, %v", f.Label, err, b)
			continue
		}
		v, err := c.Open(t.Context(), b)
		if err == nil {
			err = v.ReadAt(t.Context(), make([]byte, f.DataBytes), 0)
		}
		if err == nil {
			t.Errorf("%s: it can be read", f.Label)
		}
	}
}
