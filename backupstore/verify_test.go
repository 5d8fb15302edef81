package backupstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

func verify(t *testing.T, c *backupstore.Catalog, o backupstore.VerifyOptions, backups ...*backupstore.Backup) map[string]backupstore.Report {
	t.Helper()
	reports := map[string]backupstore.Report{}
	err := c.Verify(t.Context(), backups, o, func(r backupstore.Report) error {
		if _, twice := reports[r.Backup.ID]; twice {
			t.Errorf("%s is reported twice", r.Backup.ID)
		}
		reports[r.Backup.ID] = r
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(reports) != len(backups) {
		t.Fatalf("%d reports of %d backups", len(reports), len(backups))
	}
	return reports
}

func TestVerifyFindsWhatIsWrongWithEachFixtureAndNothingElse(t *testing.T) {
	dir, fixtures := storetest.Fixtures(t)
	c := openCatalog(t, dir, backupstore.Options{})
	progress := &backupstore.VerifyProgress{}
	reports := verify(t, c, backupstore.VerifyOptions{Progress: progress}, c.Backups()...)
	for _, f := range fixtures {
		t.Run(f.Label, func(t *testing.T) {
			r := reports[f.ID]
			if ok := f.State == storetest.Complete; r.OK != ok || (len(r.Damaged) == 0) != ok {
				t.Fatalf("ok %v, damaged %+v", r.OK, r.Damaged)
			}
			var says string
			var lost int64
			for _, d := range r.Damaged {
				says += d.Reason + "; " + d.Object + "; "
				lost += d.Length
				if len(f.Damaged) > 0 && !slices.ContainsFunc(f.Damaged, func(e storetest.Extent) bool {
					return d.Offset < e.Offset+e.Length && e.Offset < d.Offset+d.Length
				}) {
					t.Errorf("damaged %+v, only %v should be", d, f.Damaged)
				}
			}
			for _, e := range f.Damaged {
				if !slices.ContainsFunc(r.Damaged, func(d backupstore.Damage) bool { return d.Offset < e.Offset+e.Length && e.Offset < d.Offset+d.Length }) {
					t.Errorf("%v is not reported: %+v", e, r.Damaged)
				}
			}
			says += strings.Join(append(r.Notes, r.Backup.Problems...), "; ")
			if f.State != storetest.Complete && !mentions(says, f.Words) {
				t.Errorf("%q mentions none of %q", says, f.Words)
			}
			if r.Bytes != r.Backup.Size-lost {
				t.Errorf("%d bytes proven of %d, %d lost", r.Bytes, r.Backup.Size, lost)
			}
			if blocks := (f.DataBytes + int64(f.ShaBlock) - 1) / int64(f.ShaBlock); r.OK && f.Seen != "digests" && f.Label != "_sha256file missing" && r.Blocks != blocks {
				t.Errorf("%d blocks proven of %d", r.Blocks, blocks)
			}
			if f.HealedBy != "" && (len(r.Damaged) != 1 || r.Damaged[0].Sibling != storetest.Find(t, fixtures, f.HealedBy).ID) {
				t.Errorf("no word of the sibling: %+v", r.Damaged)
			}
		})
	}
	if done, total := progress.Snapshot(); done != total || total == 0 {
		t.Errorf("progress ends at %d of %d", done, total)
	}
}

// chain writes a full backup and an incremental that changes the second MiB of
// four and makes the third zero.
func chain(t *testing.T, dir string) (full, child storetest.Backup, was, is storetest.Content) {
	t.Helper()
	was = storetest.Text(4<<20, 3)
	is = storetest.Overlay(storetest.Overlay(was, storetest.Text(4<<20, 4), storetest.Extent{Offset: 1 << 20, Length: 1 << 20}),
		storetest.Zeros(4<<20), storetest.Extent{Offset: 2 << 20, Length: 1 << 20})
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	spec := storetest.Spec{ID: storetest.ID("full"), VolumeID: storetest.ID("chain"), Content: was, FileSize: 1 << 20, Created: at}
	full = storetest.MustWrite(t, dir, spec)
	spec.ID, spec.ParentID, spec.Parent, spec.Content, spec.Created = storetest.ID("child"), full.ID, was, is, at.Add(time.Hour)
	child = storetest.MustWrite(t, dir, spec)
	return full, child, was, is
}

func TestDamageOfAParentIsDamageOfAChildWhereTheChildHasNothingOfItsOwn(t *testing.T) {
	for object, inherited := range map[string]bool{"-00001": true, "-00002": false, "-00003": false, "-00004": true} {
		t.Run(object, func(t *testing.T) {
			dir := t.TempDir()
			full, child, _, is := chain(t, dir)
			if err := os.Remove(full.Path(object)); err != nil {
				t.Fatal(err)
			}
			c := openCatalog(t, dir, backupstore.Options{})
			both := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...)
			alone := verify(t, c, backupstore.VerifyOptions{}, find(t, c, child.ID))
			if both[full.ID].OK {
				t.Error("the full backup is said to be right")
			}
			for _, r := range []backupstore.Report{both[child.ID], alone[child.ID]} {
				_, err := read(t, open(t, c, child.ID), is.Size())
				if r.OK == inherited || errors.Is(err, backupstore.ErrDamaged) != inherited {
					t.Errorf("inherited %v: %+v, reading says %v", inherited, r.Damaged, err)
				}
				if inherited && (len(r.Damaged) != 1 || r.Damaged[0].Length != 1<<20) {
					t.Errorf("%+v", r.Damaged)
				}
			}
		})
	}
}

func TestAnObjectThatIsMissingFromTheChildIsFoundThoughTheParentIsWhole(t *testing.T) {
	dir := t.TempDir()
	full, child, _, _ := chain(t, dir)
	if err := os.Remove(child.Path("-00001")); err != nil { // the second MiB
		t.Fatal(err)
	}
	c := openCatalog(t, dir, backupstore.Options{})
	r := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...)
	if d := r[child.ID].Damaged; !r[full.ID].OK || len(d) != 1 || d[0].Offset != 1<<20 || d[0].Length != 1<<20 {
		t.Errorf("%+v", d)
	}
}

// A chain whose parent is another than the one it was made on is made of good
// objects and gives wrong volumes: only the digests tell.
func TestAWrongParentIsFoundByTheDigests(t *testing.T) {
	dir := t.TempDir()
	_, child, was, is := chain(t, dir)
	other := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("other parent"), VolumeID: storetest.ID("chain"), FileSize: 1 << 20,
		Content: storetest.Overlay(was, storetest.Text(4<<20, 9), storetest.Extent{Offset: 64 << 10, Length: 32 << 10})})
	text, err := os.ReadFile(child.Path("_metadata"))
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.ReplaceAll(string(text), child.ParentID, other.ID))
	if err := os.WriteFile(child.Path("_metadata"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	c := openCatalog(t, dir, backupstore.Options{})
	r := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...)
	d := r[child.ID].Damaged
	if !r[other.ID].OK || len(d) != 1 || d[0].Offset != 64<<10 || d[0].Length != 32<<10 {
		t.Fatalf("%+v", d)
	}
	if d[0].Sibling != storetest.ID("full") {
		t.Errorf("no word that %s has it: %+v", storetest.ID("full"), d)
	}
	got, err := read(t, open(t, c, child.ID), is.Size())
	if err != nil || !slices.Equal(got, all(t, is)) {
		t.Errorf("not healed: %v", err)
	}
}

func TestVerifyWithoutDigestsTrustsTheMD5(t *testing.T) {
	dir := t.TempDir()
	full, child, _, _ := chain(t, dir)
	if err := errors.Join(os.Remove(full.Path("_sha256file")), os.Remove(child.Path("_sha256file"))); err != nil {
		t.Fatal(err)
	}
	c := openCatalog(t, dir, backupstore.Options{})
	for id, r := range verify(t, c, backupstore.VerifyOptions{}, c.Backups()...) {
		if !r.OK || r.Blocks != 0 || r.Bytes != r.Backup.Size {
			t.Errorf("%s: %+v", id, r)
		}
	}
	if err := flip(full.Path("-00004"), 5000, 2); err != nil {
		t.Fatal(err)
	}
	for id, r := range verify(t, c, backupstore.VerifyOptions{}, c.Backups()...) {
		if len(r.Damaged) != 1 || r.Damaged[0].Offset != 3<<20 || r.Damaged[0].Length != 1<<20 || !mentions(r.Damaged[0].Reason, []string{"MD5", "decoded"}) {
			t.Errorf("%s: %+v", id, r.Damaged)
		}
	}
}

// Bytes that only an MD5 proves are read without the indexes that were found, which are dropped.
// That says nothing about the backup.
func TestAWholeBackupWithoutDigestsIsReadInSilence(t *testing.T) {
	dir, content := t.TempDir(), storetest.Text(4<<20, 6)
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("silent"), VolumeID: storetest.ID("volume"), Content: content, FileSize: 1 << 20})
	if err := os.Remove(b.Path("_sha256file")); err != nil {
		t.Fatal(err)
	}
	for name, indexes := range map[string]string{"without indexes": "", "with indexes that were made before": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			if indexes != "" {
				if err := open(t, openCatalog(t, dir, backupstore.Options{IndexDir: indexes}), b.ID).BuildIndex(t.Context(), backupstore.IndexOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			var says bytes.Buffer
			c := openCatalog(t, dir, backupstore.Options{IndexDir: indexes, Logger: slog.New(slog.NewTextHandler(&says, nil))})
			got := make([]byte, content.Size())
			if err := open(t, c, b.ID).ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, all(t, content)) {
				t.Errorf("%v", err)
			}
			if says.Len() > 0 {
				t.Errorf("said: %s", &says)
			}
		})
	}
}

// The parent's digests are gone: the child's prove what it has from the parent.
func TestVerifyDecodesWhereDigestsCannotBeCompared(t *testing.T) {
	dir := t.TempDir()
	full, child, _, _ := chain(t, dir)
	if err := errors.Join(os.Remove(full.Path("_sha256file")), flip(full.Path("-00004"), 5000, 2)); err != nil {
		t.Fatal(err)
	}
	c := openCatalog(t, dir, backupstore.Options{})
	r := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...)
	if r[full.ID].OK || r[child.ID].OK {
		t.Error("damage not found")
	}
	// to the block, where the full one only knows the object
	for _, d := range r[child.ID].Damaged {
		if d.Offset < 3<<20 || d.Offset == 3<<20 && d.Length == 1<<20 {
			t.Errorf("%+v", d)
		}
	}
}

func TestASampleProvesItsPart(t *testing.T) {
	dir, fixtures := storetest.Fixtures(t)
	c := openCatalog(t, dir, backupstore.Options{})
	b := find(t, c, storetest.Find(t, fixtures, "chain 3").ID)
	whole := verify(t, c, backupstore.VerifyOptions{Sample: 0.9999999}, b)[b.ID]
	if !whole.OK || whole.Blocks == 0 || whole.Blocks != whole.SampledOf {
		t.Errorf("%+v", whole)
	}
	half := verify(t, c, backupstore.VerifyOptions{Sample: 0.5}, b)[b.ID]
	if !half.OK || half.Blocks == 0 || half.Blocks >= half.SampledOf || half.SampledOf != whole.SampledOf {
		t.Errorf("%+v", half)
	}
	bad := find(t, c, storetest.Find(t, fixtures, "object missing").ID)
	if r := verify(t, c, backupstore.VerifyOptions{Sample: 0.9999999}, bad)[bad.ID]; r.OK || len(r.Damaged) != 1 || r.Damaged[0].Offset/65536 != 1 {
		t.Errorf("%+v", r)
	}
}

func TestVerifyStopsWhenTold(t *testing.T) {
	dir, _ := storetest.Fixtures(t)
	c := openCatalog(t, dir, backupstore.Options{})
	enough := errors.New("enough")
	n := 0
	err := c.Verify(t.Context(), c.Backups(), backupstore.VerifyOptions{}, func(backupstore.Report) error {
		if n++; n == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || n != 3 {
		t.Errorf("got %v after %d", err, n)
	}
}

func TestVerifyNotesObjectsThatGoOnBehindTheirEnd(t *testing.T) {
	for _, compression := range []string{"zlib", "zstd", "none"} {
		t.Run(compression, func(t *testing.T) {
			dir := t.TempDir()
			long := storetest.Text(1<<20+32<<10, 3)
			b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("short"), VolumeID: storetest.ID("v"), Compression: compression,
				Content: storetest.Bytes(all(t, long)[:1<<20])})
			other := storetest.MustWrite(t, t.TempDir(), storetest.Spec{ID: storetest.ID("long"), VolumeID: storetest.ID("v"), Compression: compression, Content: long})
			c := openCatalog(t, dir, backupstore.Options{})
			if r := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...)[b.ID]; !r.OK || len(r.Notes) > 0 {
				t.Fatalf("%+v", r)
			}
			data, err := os.ReadFile(other.Path("-00001"))
			if err == nil {
				err = os.WriteFile(b.Path("-00001"), data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			c = openCatalog(t, dir, backupstore.Options{})
			if r := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...)[b.ID]; !r.OK || len(r.Notes) != 1 || !mentions(r.Notes[0], []string{"-00001"}) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// What else goes wrong in the moment of a Ctrl-C is no reason to report.
func TestAVerificationThatIsCancelledSaysNothingElse(t *testing.T) {
	dir := t.TempDir()
	_, _, content := series(t, dir, "none")
	c, s := faultyCatalog(t, dir)
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := open(t, c, storetest.ID("first"))
	for what, do := range map[string]func(context.Context) error{
		"read": func(ctx context.Context) error { return v.ReadAt(ctx, make([]byte, content.Size()), 0) },
		"verify": func(ctx context.Context) error {
			return c.Verify(ctx, c.Backups(), backupstore.VerifyOptions{}, func(backupstore.Report) error { return nil })
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		s.set(func(op, name string) error {
			if op != "read" || !strings.Contains(name, "-0000") {
				return nil
			}
			cancel()
			return io.ErrUnexpectedEOF
		})
		if err := do(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What one entry of _metadata claims takes no memory.
func TestAnAbsurdLengthIsNotPreparedFor(t *testing.T) {
	dir := t.TempDir()
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("absurd"), VolumeID: storetest.ID("volume"), Content: storetest.Text(1<<20, 1), Compression: "none"})
	text, err := os.ReadFile(b.Path("_metadata"))
	if err == nil {
		err = os.WriteFile(b.Path("_metadata"), bytes.Replace(text, []byte(`"length": 1048576`), []byte(`"length": 1125899906842624`), 1), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	n, v := 0, open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
	for _, err := range v.Runs(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if v.Size() != 1<<50 || n > 1<<15 {
		t.Errorf("%d runs of %d bytes", n, v.Size())
	}
}

func TestVerifyDoesNotJudgeTheEndOfAnObjectThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("b"), VolumeID: storetest.ID("v"), Content: storetest.Random(100<<10, 1)})
	c, s := faultyCatalog(t, dir)
	refresh(t, c)
	s.set(func(op, name string) error {
		if op == "open" && strings.HasSuffix(name, "-00001") {
			return fs.ErrPermission
		}
		return nil
	})
	if r := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...)[b.ID]; r.OK || len(r.Unread) == 0 || len(r.Notes) > 0 {
		t.Errorf("%+v", r)
	}
}
