package backupstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// oldChain writes a chain that a Cinder before 11.0 began and a later one went
// on with, the last two of them in one custom container.
func oldChain(t *testing.T, dir string) []storetest.Backup {
	t.Helper()
	var all []storetest.Backup
	var before storetest.Content
	content := storetest.Text(256<<10, 1)
	for i, s := range []storetest.Spec{
		{OldNames: true},
		{OldNames: true, Compression: "none"},
		{OldNames: true, Container: "box"},
		{Container: "box"},
	} {
		s.ID, s.VolumeID, s.FileSize = storetest.ID(fmt.Sprint("old ", i)), storetest.ID("old volume"), 128<<10
		s.Created = time.Date(2016, 5, 1, 12, i, 0, 0, time.UTC)
		s.Volume.Name = "old volume"
		if s.Content = content; i > 0 {
			s.ParentID, s.Parent = all[i-1].ID, before
		}
		all = append(all, storetest.MustWrite(t, dir, s))
		before = s.Content
		changed := storetest.Extent{Offset: int64(i) * 64 << 10, Length: 64 << 10}
		content = storetest.Overlay(content, storetest.Random(256<<10, uint64(i)), changed)
	}
	return all
}

func TestBackupsByTheNamesOfOldCindersAreReadAndAreParents(t *testing.T) {
	dir := t.TempDir()
	all := oldChain(t, dir)
	c := openCatalog(t, dir, backupstore.Options{})
	if len(c.Backups()) != len(all) || len(c.Unread())+len(c.Notes()) > 0 {
		t.Fatalf("%d backups, %v, %q", len(c.Backups()), c.Unread(), c.Notes())
	}
	content := storetest.Text(256<<10, 1)
	for i, w := range all {
		b, err := c.Find(w.ID)
		if err != nil || b.State != backupstore.Complete || len(b.Problems) > 0 || b.VolumeID != w.VolumeID || b.VolumeName() != "old volume" ||
			!b.CreatedAt.Equal(time.Date(2016, 5, 1, 12, i, 0, 0, time.UTC)) {
			t.Fatalf("%v, %+v", err, b)
		}
		want, err := io.ReadAll(io.NewSectionReader(content, 0, content.Size()))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if err := open(t, c, w.ID).ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, want) {
			t.Errorf("backup %d differs, %v", i, err)
		}
		changed := storetest.Extent{Offset: int64(i) * 64 << 10, Length: 64 << 10}
		content = storetest.Overlay(content, storetest.Random(256<<10, uint64(i)), changed)
	}
	records, err := c.ImportRecords([]*backupstore.Backup{c.Backups()[3]}, "driver")
	if err != nil || len(records) != 4 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for i, b := range records {
		r := b.ImportRecord()
		if want := all[i].Prefix; r.ServiceMetadata != want || r.Container != all[i].Container || r.ObjectCount != len(all[i].Objects) {
			t.Errorf("%+v, want prefix %s", r, want)
		}
	}
	if records[0].ImportRecord().ServiceMetadata != "backup" {
		t.Errorf("service_metadata is %q", records[0].ImportRecord().ServiceMetadata)
	}
	err = c.Verify(t.Context(), c.Backups(), backupstore.VerifyOptions{}, func(r backupstore.Report) error {
		if !r.OK {
			t.Errorf("%s: %v", r.Backup.ID, r)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A Cinder before 11.0 gave all backups the same names: the second one in a
// custom container wrote over the first.
func TestAnOldBackupThatAnotherWroteOverIsNotMixedUpWithIt(t *testing.T) {
	dir := t.TempDir()
	write := func(label, container string, size int64) storetest.Backup {
		return storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID(label), VolumeID: storetest.ID("v"), OldNames: true,
			Container: container, Content: storetest.Text(size, 1), FileSize: 64 << 10})
	}
	first := write("first", "box", 256<<10)
	c, _ := faultyCatalog(t, dir)
	refresh(t, c)
	v := open(t, c, first.ID)
	second := write("second", "box", 128<<10)
	refresh(t, c)
	if _, err := c.Find(first.ID); !errors.Is(err, backupstore.ErrNoBackup) {
		t.Errorf("the first: %v", err)
	}
	b, err := c.Find(second.ID)
	if err != nil || b.State != backupstore.Complete || len(b.Problems) != 1 || !strings.Contains(b.Problems[0], "2 object file(s) that _metadata does not know") {
		t.Errorf("the second: %v, %+v", err, b)
	}
	// What is open gives its own bytes or none.
	want, got := make([]byte, 256<<10), make([]byte, 256<<10)
	if _, err := storetest.Text(256<<10, 1).ReadAt(want, 0); err != nil {
		t.Fatal(err)
	}
	if err := v.ReadAt(t.Context(), got, 0); err == nil && !bytes.Equal(got, want) {
		t.Error("wrong bytes")
	}
}

func TestAnOldMetadataThatCannotBeReadIsToldForNothingElseNamesItsBackup(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(path string) error
		says  string
	}{
		"it is cut":                  {func(p string) error { return os.Truncate(p, 100) }, "ends after 100 bytes"},
		"it is of somebody else":     {func(p string) error { return os.WriteFile(p, []byte("hello\n"), 0o600) }, "not the JSON"},
		"its volume_id is no UUID":   {func(p string) error { return replaceIn(p, `"volume_id": "`, `"volume_id": "x`) }, "is no UUID"},
		"its backup_id is not there": {func(p string) error { return replaceIn(p, `"backup_id"`, `"backup_ie"`) }, "is no UUID"},
	} {
		dir := t.TempDir()
		all := oldChain(t, dir)
		cat, _ := faultyCatalog(t, dir)
		if err := c.spoil(all[0].Path("_metadata")); err != nil {
			t.Fatal(err)
		}
		refresh(t, cat)
		unread := fmt.Sprint(cat.Unread())
		if !strings.Contains(unread, all[0].Container+"/backup_metadata") || !strings.Contains(unread, c.says) {
			t.Errorf("%s: %s", name, unread)
		}
		if b, err := cat.Find(all[1].ID); err != nil || b.State != backupstore.Broken {
			t.Errorf("%s: its child: %v, %v", name, b, err)
		}
	}
}

func replaceIn(file, old, by string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(strings.Replace(string(text), old, by, 1)), 0o600)
}

func TestAnOldBackupStaysKnownWhileItsMetadataCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	all := oldChain(t, dir)
	c, s := faultyCatalog(t, dir)
	refresh(t, c)
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(all[0].Path("_metadata"), later, later); err != nil { // else it is not read again
		t.Fatal(err)
	}
	s.set(func(op, name string) error {
		if op == "open" && name == all[0].Container+"/backup_metadata" {
			return syscall.EIO
		}
		return nil
	})
	refresh(t, c)
	if b, err := c.Find(all[0].ID); err != nil || b.State != backupstore.Broken || !strings.Contains(b.Problems[0], "input/output error") {
		t.Errorf("%v, %+v", err, b)
	}
	s.set(nil)
	refresh(t, c)
	if b, err := c.Find(all[3].ID); err != nil || b.State != backupstore.Complete {
		t.Errorf("%v, %+v", err, b)
	}
}

func TestFilesOfAnOldBackupWithoutMetadataAreNoted(t *testing.T) {
	dir := t.TempDir()
	all := oldChain(t, dir)
	if err := os.Remove(all[2].Path("_metadata")); err != nil {
		t.Fatal(err)
	}
	c := openCatalog(t, dir, backupstore.Options{})
	if n := c.Notes(); len(n) != 1 || !strings.Contains(n[0], "directory box holds files") {
		t.Errorf("%q", n)
	}
	if len(c.Unread()) > 0 {
		t.Error(c.Unread())
	}
}

func TestWhatMayBeBackupsAndIsNotReadIsTold(t *testing.T) {
	elsewhere := t.TempDir()
	for name, c := range map[string]struct {
		make func(dir string) error
		says string // "": nothing
	}{
		"a link to a directory outside the share":    {func(d string) error { return os.Symlink(elsewhere, filepath.Join(d, "22")) }, "22 is a symbolic link"},
		"a relative link to the outside":             {func(d string) error { return os.Symlink("../..", filepath.Join(d, "up")) }, "up is a symbolic link"},
		"a link to a directory of the share":         {func(d string) error { return os.Symlink(".", filepath.Join(d, "here")) }, ""},
		"a link to a file of the share":              {func(d string) error { return errors.Join(os.WriteFile(d+"/f", nil, 0o600), os.Symlink("f", d+"/g")) }, ""},
		"a link to nothing in the share":             {func(d string) error { return os.Symlink("nothing", filepath.Join(d, "x")) }, ""},
		"a link to itself":                           {func(d string) error { return os.Symlink("x", filepath.Join(d, "x")) }, ""},
		"a part of a copy of a bucket":               {bucket("az_nova_backup_"), "volume_v/20261128174552 holds files of Cinder's S3, Swift or Google"},
		"the same of a zone with odd characters":     {bucket("az_zone/ä b_backup_x_backup_"), "az_zone holds files of Cinder's S3"},
		"files that only look like those of buckets": {func(d string) error { return os.WriteFile(d+"/az_nova_backup_1_metadata", nil, 0o600) }, ""},
	} {
		dir := t.TempDir()
		one := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("one"), VolumeID: storetest.ID("v"), Content: storetest.Text(4<<10, 1)})
		if err := c.make(dir); err != nil {
			t.Fatal(err)
		}
		cat := openCatalog(t, dir, backupstore.Options{})
		unread := fmt.Sprint(cat.Unread())
		if c.says == "" && len(cat.Unread()) > 0 || !strings.Contains(unread, c.says) {
			t.Errorf("%s: %s", name, unread)
		}
		if !slices.ContainsFunc(cat.Backups(), func(b *backupstore.Backup) bool { return b.ID == one.ID }) {
			t.Errorf("%s: the backup beside it is not seen", name)
		}
	}
}

// bucket writes what the drivers of object stores leave, as files in a directory that names no volume.
func bucket(name string) func(dir string) error {
	return func(dir string) error {
		for _, suffix := range []string{"-00001", "-00002", "_metadata", "_sha256file"} {
			file := filepath.Join(dir, "volume_v/20261128174552", name+storetest.ID("b")+suffix)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				return err
			}
			if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestManyLinksAreCountedAndNotListed(t *testing.T) {
	dir := t.TempDir()
	for i := range 300 {
		if err := os.Symlink("/etc", filepath.Join(dir, fmt.Sprint("link", i))); err != nil {
			t.Fatal(err)
		}
	}
	c := openCatalog(t, dir, backupstore.Options{})
	if n := len(c.Unread()); n != 11 || !strings.Contains(c.Unread()[n-1].Error(), "90 more symbolic links") {
		t.Errorf("%d: %v", n, c.Unread())
	}
}
