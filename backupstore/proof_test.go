package backupstore_test

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// exchange puts another file in the place of one.
func exchange(t *testing.T, path string, data []byte) {
	t.Helper()
	at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	err := errors.Join(os.Remove(path), os.WriteFile(path, data, 0o600), os.Chtimes(path, at, at))
	if err != nil {
		t.Fatal(err)
	}
}

// Without digests an object's MD5 is compared once, and that says nothing of a
// file that has come in its place since.
func TestAnMD5ProvesOneFileAndNoOther(t *testing.T) {
	const object, objects = 32 << 10, 300 // more than are kept open
	dir := t.TempDir()
	content := storetest.Text(objects*object, 1)
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("backup"), VolumeID: storetest.ID("volume"), Content: content, Compression: "none", FileSize: object})
	if err := os.Remove(b.Path("_sha256file")); err != nil {
		t.Fatal(err)
	}
	v := open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
	want, err := read(t, v, content.Size())
	if err != nil || !bytes.Equal(want, all(t, content)) {
		t.Fatal(err)
	}
	others := func() {
		if err := v.ReadAt(t.Context(), make([]byte, (objects-1)*object), object); err != nil {
			t.Fatal(err)
		}
	}
	exchange(t, b.Path("-00001"), bytes.Repeat([]byte("x"), object))
	others()
	for range 3 {
		if _, err := read(t, v, object); err == nil {
			t.Fatal("bytes that have no MD5 were given out")
		}
	}
	exchange(t, b.Path("-00002"), want[object:2*object])
	v = open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
	p := make([]byte, object)
	if err := v.ReadAt(t.Context(), p, object); err != nil || !bytes.Equal(p, want[object:2*object]) {
		t.Errorf("the same bytes in a new file: %v", err)
	}
}

func TestAGoodObjectInThePlaceOfADamagedOneIsFound(t *testing.T) {
	for _, compression := range []string{"none", "zlib"} {
		dir := t.TempDir()
		content := storetest.Text(3<<20, 1)
		b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("backup"), VolumeID: storetest.ID("volume"), Content: content, Compression: compression, FileSize: 1 << 20})
		good, err := os.ReadFile(b.Path("-00002"))
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, b.Path("-00002"), bytes.Repeat([]byte("x"), len(good)-100))
		c := openCatalog(t, dir, backupstore.Options{})
		if _, err := read(t, open(t, c, b.ID), content.Size()); !errors.Is(err, backupstore.ErrDamaged) {
			t.Fatalf("got %v", err)
		}
		exchange(t, b.Path("-00002"), good)
		if err := c.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, err := read(t, open(t, c, b.ID), content.Size()); err != nil || !bytes.Equal(got, all(t, content)) {
			t.Errorf("%s: %v", compression, err)
		}
	}
}

// overlaid writes a full backup and, without digests, an incremental of a few
// bytes at off.
func overlaid(t *testing.T, dir string, compression string, off int64) (full, child storetest.Backup, content storetest.Content) {
	t.Helper()
	spec := storetest.Spec{ID: storetest.ID("full"), VolumeID: storetest.ID("volume"), Content: storetest.Text(3<<20, 1), Compression: compression, ShaBlock: 4096, FileSize: 4 << 20}
	full = storetest.MustWrite(t, dir, spec)
	content = storetest.Overlay(spec.Content, storetest.Text(3<<20, 2), storetest.Extent{Offset: off, Length: 4096})
	spec.ParentID, spec.Parent = spec.ID, spec.Content
	spec.ID, spec.Content, spec.Created = storetest.ID("child"), content, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	child = storetest.MustWrite(t, dir, spec)
	if err := os.Remove(child.Path("_sha256file")); err != nil {
		t.Fatal(err)
	}
	return full, child, content
}

// Also not where there is little memory, so that each read has to begin anew.
func TestDamageOfOneObjectIsNotHeldAgainstAnother(t *testing.T) {
	const off = 72 << 10 // in the middle of a block
	dir := t.TempDir()
	_, child, content := overlaid(t, dir, "zlib", off)
	if err := os.Remove(child.Path("-00001")); err != nil {
		t.Fatal(err)
	}
	for _, memory := range []int64{1, 128 << 20} {
		s := backupstore.NewSalvage(open(t, openCatalog(t, dir, backupstore.Options{DecoderBytes: memory}), child.ID), nil)
		if err := s.ReadAt(t.Context(), make([]byte, content.Size()), 0); err != nil {
			t.Fatal(err)
		}
		if bad := s.Lost(); len(bad) != 1 || bad[0] != (backupstore.Range{Off: 64 << 10, Len: 32 << 10}) {
			t.Errorf("%d bytes of memory: %v are lost", memory, bad)
		}
	}
}

// Reading a backup without digests needs the MD5 of its parent's objects as well.
// One is wrong also where the only block that differs is not the child's.
func TestVerifyOfABackupWithoutDigestsSaysWhatReadingDoes(t *testing.T) {
	for name, off := range map[string]int64{"a damaged block that the child has anew": 1 << 20, "one that it has from its parent": 2 << 20} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			full, child, content := overlaid(t, dir, "none", 1<<20)
			if err := flip(full.Path("-00001"), off, 3); err != nil {
				t.Fatal(err)
			}
			c := openCatalog(t, dir, backupstore.Options{})
			s := backupstore.NewSalvage(open(t, c, child.ID), nil)
			if err := s.ReadAt(t.Context(), make([]byte, content.Size()), 0); err != nil {
				t.Fatal(err)
			}
			var lost int64
			for _, r := range s.Lost() {
				lost += r.Len
			}
			r := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...)[child.ID]
			var found int64
			for _, d := range r.Damaged {
				found += d.Length
			}
			if r.OK || lost != content.Size() || found != lost-4096 {
				t.Errorf("ok %v, %+v; reading loses %v", r.OK, r.Damaged, s.Lost())
			}
		})
	}
}
