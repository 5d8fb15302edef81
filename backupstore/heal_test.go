package backupstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestADamagedBlockIsTakenFromASibling(t *testing.T) {
	dir, fixtures := storetest.Fixtures(t)
	var says bytes.Buffer
	c := openCatalog(t, dir, backupstore.Options{Logger: slog.New(slog.NewTextHandler(&says, nil))})
	f := storetest.Find(t, fixtures, "damaged with a sibling")
	want := storetest.Image(t, dir, fixtures, f)
	v := open(t, c, f.ID)
	for range 2 { // the second time nothing more is said or counted
		got := make([]byte, f.DataBytes)
		if err := v.ReadAt(t.Context(), got, 0); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatal("wrong bytes")
		}
	}
	d := f.Damaged[0]
	if got := v.Healed(); len(got) != 1 || got[0] != (backupstore.Range{Off: d.Offset, Len: d.Length}) {
		t.Errorf("healed %v, want %v", got, d)
	}
	if log := says.String(); strings.Count(log, "from=") != 1 || !strings.Contains(log, storetest.Find(t, fixtures, "sibling").ID) {
		t.Errorf("logged %q", log)
	}
}

// series writes a full backup and one of the same volume an hour later, both
// with all of their objects, and returns them with what they hold.
func series(t *testing.T, dir string, compression string) (first, second storetest.Backup, content storetest.Content) {
	t.Helper()
	content = storetest.Text(4<<20, 7)
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	spec := storetest.Spec{VolumeID: storetest.ID("healed volume"), Content: content, Compression: compression, FileSize: 1 << 20}
	spec.ID, spec.Created = storetest.ID("first"), at
	first = storetest.MustWrite(t, dir, spec)
	spec.ID, spec.Created = storetest.ID("second"), at.Add(time.Hour)
	second = storetest.MustWrite(t, dir, spec)
	return first, second, content
}

func read(t *testing.T, v *backupstore.Volume, n int64) ([]byte, error) {
	t.Helper()
	p := make([]byte, n)
	return p, v.ReadAt(t.Context(), p, 0)
}

func all(t *testing.T, c storetest.Content) []byte {
	t.Helper()
	p := make([]byte, c.Size())
	if _, err := c.ReadAt(p, 0); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhateverHappenedToAnObjectASiblingHasIt(t *testing.T) {
	for what, harm := range map[string]func(path string) error{
		"removed":   os.Remove,
		"emptied":   func(path string) error { return os.Truncate(path, 0) },
		"cut":       func(path string) error { return os.Truncate(path, 5000) },
		"flipped":   func(path string) error { return flip(path, 4000, 3) },
		"exchanged": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("?"), 1<<20), 0o600) },
	} {
		for _, compression := range []string{"zlib", "zstd", "none"} {
			t.Run(what+" "+compression, func(t *testing.T) {
				dir := t.TempDir()
				_, second, content := series(t, dir, compression)
				if err := harm(second.Path("-00002")); err != nil {
					t.Fatal(err)
				}
				v := open(t, openCatalog(t, dir, backupstore.Options{}), second.ID)
				got, err := read(t, v, content.Size())
				if err != nil || !bytes.Equal(got, all(t, content)) {
					t.Fatalf("not healed: %v", err)
				}
				if h := v.Healed(); len(h) == 0 || h[0].Off < 1<<20 || h[len(h)-1].Off+h[len(h)-1].Len > 2<<20 {
					t.Errorf("healed %v", h)
				}
			})
		}
	}
}

func flip(path string, off int64, bit uint) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	b := make([]byte, 1)
	_, err = f.ReadAt(b, off)
	if err == nil {
		b[0] ^= 1 << bit
		_, err = f.WriteAt(b, off)
	}
	return errors.Join(err, f.Close())
}

func TestTwoBackupsHealEachOther(t *testing.T) {
	dir := t.TempDir()
	first, second, content := series(t, dir, "zlib")
	if err := errors.Join(os.Remove(first.Path("-00001")), os.Remove(second.Path("-00002"))); err != nil {
		t.Fatal(err)
	}
	c := openCatalog(t, dir, backupstore.Options{})
	for _, b := range []storetest.Backup{first, second} {
		if got, err := read(t, open(t, c, b.ID), content.Size()); err != nil || !bytes.Equal(got, all(t, content)) {
			t.Errorf("%v", err)
		}
	}
}

func TestABlockDamagedEverywhereIsAnErrorForThatBlockAlone(t *testing.T) {
	dir := t.TempDir()
	first, second, content := series(t, dir, "none")
	const at = 40 << 10 // in the second block of the third object
	if err := errors.Join(flip(first.Path("-00003"), at, 0), flip(second.Path("-00003"), at, 1)); err != nil {
		t.Fatal(err)
	}
	v := open(t, openCatalog(t, dir, backupstore.Options{}), second.ID)
	_, err := read(t, v, content.Size())
	d, ok := errors.AsType[*backupstore.DamageError](err)
	if !ok || d.Offset != 2<<20+32<<10 || d.Length != 32<<10 || d.Object != filepath.ToSlash(filepath.Join(second.Container, second.Prefix+"-00003")) {
		t.Fatalf("got %v", err)
	}
	p := make([]byte, 2<<20+32<<10)
	if err := v.ReadAt(t.Context(), p, 0); err != nil {
		t.Errorf("before it: %v", err)
	}
	p = make([]byte, content.Size()-d.Offset-d.Length)
	if err := v.ReadAt(t.Context(), p, d.Offset+d.Length); err != nil {
		t.Errorf("behind it: %v", err)
	}
}

// The objects of a chain's full backup are those of every incremental on it:
// no sibling has other ones, and looking for them has to end.
func TestALongChainThatSharesTheDamagedObjectEndsInAnError(t *testing.T) {
	dir := t.TempDir()
	content := storetest.Text(1<<20, 7)
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	volume := storetest.ID("chained volume")
	parent := ""
	var backups []storetest.Backup
	for i := range 50 {
		spec := storetest.Spec{ID: storetest.ID(fmt.Sprint("link", i)), VolumeID: volume, Content: content, Created: at.Add(time.Duration(i) * time.Hour)}
		if i > 0 {
			spec.ParentID, spec.Parent = parent, content
		}
		b := storetest.MustWrite(t, dir, spec)
		parent = b.ID
		backups = append(backups, b)
	}
	if err := os.Remove(backups[0].Path("-00001")); err != nil {
		t.Fatal(err)
	}
	c := openCatalog(t, dir, backupstore.Options{})
	for _, b := range []storetest.Backup{backups[0], backups[10], backups[49]} {
		if _, err := read(t, open(t, c, b.ID), content.Size()); !errors.Is(err, backupstore.ErrDamaged) {
			t.Errorf("got %v", err)
		}
	}
	// A full backup of its own helps all of them, however far away.
	storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("other"), VolumeID: volume, Content: content, Created: at.Add(9999 * time.Hour)})
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, b := range []storetest.Backup{backups[0], backups[10], backups[49]} {
		if got, err := read(t, open(t, c, b.ID), content.Size()); err != nil || !bytes.Equal(got, all(t, content)) {
			t.Errorf("not healed: %v", err)
		}
	}
}

func TestABackupOfAnotherVolumeHealsNothing(t *testing.T) {
	dir := t.TempDir()
	content := storetest.Text(1<<20, 7)
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("a"), VolumeID: storetest.ID("volume a"), Content: content})
	storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("b"), VolumeID: storetest.ID("volume b"), Content: content})
	if err := os.Remove(b.Path("-00001")); err != nil {
		t.Fatal(err)
	}
	v := open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
	if _, err := read(t, v, content.Size()); !errors.Is(err, backupstore.ErrDamaged) || len(v.Healed()) > 0 {
		t.Errorf("got %v, healed %v", err, v.Healed())
	}
}

func TestHealingIsSafeForManyReadersAndCanBeCancelled(t *testing.T) {
	dir := t.TempDir()
	_, second, content := series(t, dir, "zlib")
	if err := os.Remove(second.Path("-00002")); err != nil {
		t.Fatal(err)
	}
	v := open(t, openCatalog(t, dir, backupstore.Options{}), second.ID)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.ReadAt(cancelled, make([]byte, 1<<20), 1<<20); !errors.Is(err, context.Canceled) || errors.Is(err, backupstore.ErrDamaged) {
		t.Errorf("got %v", err)
	}
	want := all(t, content)
	errs := make(chan error)
	for range 8 {
		go func() {
			got := make([]byte, content.Size())
			err := v.ReadAt(t.Context(), got, 0)
			if err == nil && !bytes.Equal(got, want) {
				err = errors.New("wrong bytes")
			}
			errs <- err
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if h := v.Healed(); !slices.Equal(h, []backupstore.Range{{Off: 1 << 20, Len: 1 << 20}}) {
		t.Errorf("healed %v", h)
	}
}

func TestOutagesUseUpNoHealers(t *testing.T) {
	dir := t.TempDir()
	first, second, content := series(t, dir, "none")
	if err := os.Remove(second.Path("-00002")); err != nil {
		t.Fatal(err)
	}
	c, s := faultyCatalog(t, dir)
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := open(t, c, second.ID)
	metadata := filepath.Base(first.Path("_metadata"))
	s.set(func(op, name string) error {
		if op == "open" && path.Base(name) == metadata {
			return errors.New("the server is away")
		}
		return nil
	})
	p := make([]byte, 32<<10)
	for range 20 {
		if err := v.ReadAt(t.Context(), p, 1<<20); !errors.Is(err, backupstore.ErrDamaged) {
			t.Fatalf("got %v", err)
		}
	}
	s.set(nil)
	if err := v.ReadAt(t.Context(), p, 1<<20); err != nil || !bytes.Equal(p, all(t, content)[1<<20:][:len(p)]) {
		t.Errorf("not healed once the share was back: %v", err)
	}
}
