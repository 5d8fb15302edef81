package backupstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/several"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// together returns the catalogue of directories that are read as one share.
func together(t *testing.T, dirs ...string) *backupstore.Catalog {
	t.Helper()
	var parts []share.Share
	for _, dir := range dirs {
		part, err := share.OpenDir(t.Context(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part)
	}
	c := backupstore.NewCatalog(several.New(parts...), backupstore.Options{})
	t.Cleanup(func() { c.Close() })
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAChainMayLieInSeveralShares(t *testing.T) {
	for _, bucket := range []bool{false, true} {
		full := storetest.Text(1<<20, 1)
		last := storetest.Overlay(full, storetest.Random(1<<20, 2), storetest.Extent{Offset: 300 << 10, Length: 64 << 10})
		a, b := filepath.Join(t.TempDir(), "one"), filepath.Join(t.TempDir(), "two")
		first := storetest.MustWrite(t, a, storetest.Spec{ID: storetest.ID("full"), VolumeID: storetest.ID("v"), Content: full, Bucket: bucket})
		second := storetest.MustWrite(t, b, storetest.Spec{
			ID: storetest.ID("last"), VolumeID: first.VolumeID, Content: last, ParentID: first.ID, Parent: full, Bucket: bucket,
			Created: time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC),
		})
		c := together(t, a, b)
		got := find(t, c, second.ID)
		if got.State != backupstore.Complete || len(got.Problems) > 0 || len(c.Backups()) != 2 {
			t.Fatalf("%+v", got.Status)
		}
		if data, err := read(t, open(t, c, second.ID), last.Size()); err != nil || string(data) != string(all(t, last)) {
			t.Errorf("it is read wrong: %v", err)
		}
		records, err := c.ImportRecords([]*backupstore.Backup{got}, "driver")
		if err != nil || len(records) != 2 {
			t.Fatal(records, err)
		}
		for i, made := range []storetest.Backup{first, second} {
			r := records[i].ImportRecord()
			want := made.Container
			if bucket {
				want = ""
			}
			if above, below := records[i].Misplaced(); r.Container != want || above != "" || below {
				t.Errorf("bucket %v: its record says %q, not %q; misplaced %q %v", bucket, r.Container, want, above, below)
			}
		}
		if s := c.String(); s != a+" and "+b {
			t.Errorf("it is called %s", s)
		}
	}
}

func TestOfABackupInTwoSharesTheFirstOneCounts(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	spec := storetest.Spec{ID: storetest.ID("same"), VolumeID: storetest.ID("v"), Content: storetest.Text(1<<20, 1)}
	storetest.MustWrite(t, a, spec)
	storetest.MustWrite(t, b, spec)
	for _, dirs := range [][]string{{a, b}, {b, a}} {
		got := oneBackup(t, together(t, dirs...))
		if got.State != backupstore.Complete || !strings.HasPrefix(got.Path, "share1/") || len(got.Problems) != 1 ||
			!strings.Contains(got.Problems[0], "also in share2/") {
			t.Errorf("%+v %+v", got.Facts, got.Status)
		}
	}
	spec.VolumeID = storetest.ID("another")
	other := t.TempDir()
	storetest.MustWrite(t, other, spec)
	if got := oneBackup(t, together(t, a, other)); got.State != backupstore.Broken || got.Chain() != nil ||
		!strings.Contains(got.Problems[0], "another backup of the same id is in share2/") {
		t.Errorf("another backup of its id: %+v", got.Status)
	}
}

func TestOneOfSeveralSharesThatIsUnmountedKeepsItsBackups(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "one"), t.TempDir()
	for i, dir := range []string{a, b} {
		storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID(dir), VolumeID: storetest.ID(dir), Content: storetest.Text(1<<20, uint64(i))})
	}
	c := together(t, a, b)
	look := func(what string, want int) {
		t.Helper()
		if err := c.Refresh(t.Context()); err != nil || len(c.Backups()) != want {
			t.Errorf("%s: %d backups, %v", what, len(c.Backups()), err)
		}
	}
	if err := os.Rename(a, a+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(a, 0o700); err != nil {
		t.Fatal(err)
	}
	look("an empty directory is in its place", 2)
	if err := os.Remove(a); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(a+".away", a); err != nil {
		t.Fatal(err)
	}
	storetest.MustWrite(t, a, storetest.Spec{ID: storetest.ID("new"), VolumeID: storetest.ID("new"), Content: storetest.Text(1<<20, 9)})
	look("it is back", 3)
}

func TestOneOfSeveralSharesThatIsDeletedKeepsItsBackups(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for i, dir := range []string{a, b} {
		storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID(dir), VolumeID: storetest.ID(dir), Content: storetest.Text(1<<20, uint64(i))})
	}
	c := together(t, a, b)
	if err := os.RemoveAll(a); err != nil {
		t.Fatal(err)
	}
	if err := c.Refresh(t.Context()); err != nil || len(c.Backups()) != 2 || len(c.Unread()) == 0 {
		t.Errorf("%d backups, %v, of what could not be read is told %v", len(c.Backups()), err, c.Unread())
	}
}

func TestNamesInSeveralSharesNeedNotBeUTF8(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	spec := storetest.Spec{ID: storetest.ID("a"), VolumeID: storetest.ID("v"), Content: storetest.Text(1<<20, 1), Container: "s\xe4ule"}
	storetest.MustWrite(t, a, spec)
	c := together(t, a, b)
	if data, err := read(t, open(t, c, spec.ID), 1<<20); err != nil || string(data) != string(all(t, spec.Content)) || len(c.Unread()) > 0 {
		t.Errorf("%v, %v", err, c.Unread())
	}
}
