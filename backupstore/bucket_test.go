package backupstore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/scanned"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// zones are availability zones as operators may name them.
var zones = []string{"nova", "zone/ä b_backup_x", "Reg\"ion\\ONE/", "x/backup"}

// bucketChains writes a full backup and an incremental one in each zone, as the drivers of object
// stores do, the second ones into another bucket.
func bucketChains(t *testing.T, dir string) (all []storetest.Backup, want []storetest.Content) {
	t.Helper()
	for i, zone := range zones {
		full := storetest.Text(1<<20, uint64(i))
		last := storetest.Overlay(full, storetest.Random(1<<20, uint64(i)), storetest.Extent{Offset: 300 << 10, Length: 64 << 10})
		first := storetest.MustWrite(t, dir, storetest.Spec{
			ID: storetest.ID(fmt.Sprint("full ", i)), VolumeID: storetest.ID(fmt.Sprint("v ", i)), Content: full,
			Bucket: true, Zone: zone, Container: "volumebackups", FileSize: 512 << 10,
		})
		second := storetest.MustWrite(t, dir, storetest.Spec{
			ID: storetest.ID(fmt.Sprint("last ", i)), VolumeID: first.VolumeID, Content: last, ParentID: first.ID, Parent: full,
			Bucket: true, Zone: zone, Container: "deep/other", FileSize: 512 << 10, Created: time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC),
		})
		all, want = append(all, first, second), append(want, full, last)
	}
	return all, want
}

func TestACopyOfABucketIsAShare(t *testing.T) {
	dir := t.TempDir()
	made, want := bucketChains(t, dir)
	file := scanned.At(t.TempDir(), "share")
	c, _ := nextProcess(t, dir, file, true)
	for i, b := range made {
		got := find(t, c, b.ID)
		if got.State != backupstore.Complete || len(got.Problems) > 0 || got.Key() != b.Key || got.VolumeID != b.VolumeID ||
			!got.InBucket() || got.Container() != b.Container || got.Prefix() != b.Prefix {
			t.Fatalf("%s: %+v %+v", b.Key, got.Facts, got.Status)
		}
		v := open(t, c, b.ID)
		data, err := read(t, v, want[i].Size())
		if err != nil || string(data) != string(all(t, want[i])) {
			t.Errorf("%s is read wrong: %v", b.Key, err)
		}
		records, err := c.ImportRecords([]*backupstore.Backup{got}, "driver")
		if err != nil {
			t.Fatal(err)
		}
		r := records[len(records)-1].ImportRecord()
		bucket := filepath.Base(strings.TrimSuffix(got.Path, "/"+b.Key))
		if r.ServiceMetadata != b.Key || r.Container != bucket || r.Service != "driver" || r.ObjectCount != len(b.Objects) {
			t.Errorf("%+v", r)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	next, s := nextProcess(t, dir, file, true)
	if s.count("open") > 0 {
		t.Errorf("%d files are read again", s.count("open"))
	}
	if told(next) != told(c) || find(t, next, made[2].ID).Key() != made[2].Key {
		t.Errorf("it is remembered as\n%s, was\n%s", told(next), told(c))
	}
	err := next.Verify(t.Context(), next.Backups(), backupstore.VerifyOptions{}, func(r backupstore.Report) error {
		if !r.OK {
			t.Errorf("%s: %+v", r.Backup.ID, r)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAnUnfinishedBackupOfABucketIsIncomplete(t *testing.T) {
	dir := t.TempDir()
	b := storetest.MustWrite(t, dir, storetest.Spec{
		ID: storetest.ID("one"), VolumeID: storetest.ID("v"), Content: storetest.Text(1<<20, 1), Bucket: true, Zone: zones[1],
	})
	for _, suffix := range []string{"_metadata", "_sha256file"} {
		if err := os.Remove(b.Path(suffix)); err != nil {
			t.Fatal(err)
		}
	}
	c := openCatalog(t, dir, backupstore.Options{})
	got := oneBackup(t, c)
	if got.State != backupstore.Incomplete || got.ID != b.ID || got.VolumeID != b.VolumeID || len(c.Unread()) > 0 ||
		!got.CreatedAt.Equal(time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)) || got.Bucket() != "" {
		t.Errorf("%+v %+v %v", got.Facts, got.Status, c.Unread())
	}
}
