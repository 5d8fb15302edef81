package backupstore_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestBytesAreProvenAfterwards(t *testing.T) {
	const block = 32 << 10
	content := storetest.Text(9*block+100, 1)
	want := all(t, content)
	for _, compression := range []string{"none", "zlib"} {
		t.Run(compression, func(t *testing.T) {
			dir := t.TempDir()
			b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("backup"),
				VolumeID: storetest.ID("volume"), Content: content, Compression: compression})
			v := open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
			for _, r := range [][2]int{{0, 1}, {3, 4}, {8, 10}} {
				off, end := r[0]*block, min(r[1]*block, len(want))
				p := bytes.Repeat([]byte("x"), end-off)
				if ok, err := v.LoadUnproven(t.Context(), p, int64(off)); !ok || err != nil ||
					!bytes.Equal(p, want[off:end]) {
					t.Fatal(r, ok, err)
				}
				if right, err := v.Prove(t.Context(), p, int64(off)); !right || err != nil {
					t.Error(r, "are right:", err)
				}
				p[len(p)-1] ^= 1
				if right, err := v.Prove(t.Context(), p, int64(off)); right || err != nil {
					t.Error(r, "are wrong in the last byte:", err)
				}
			}
		})
	}
}

func TestNothingIsLeftUnprovenThatNoDigestProves(t *testing.T) {
	const block = 32 << 10
	content := storetest.Text(4*block, 1)
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, b storetest.Backup, dir string)
	}{
		{"there are no digests", func(t *testing.T, b storetest.Backup, dir string) {
			remove(t, digestFile(t, dir))
		}},
		{"a row is damaged", func(t *testing.T, b storetest.Backup, dir string) {
			text, err := os.ReadFile(digestFile(t, dir))
			if err != nil {
				t.Fatal(err)
			}
			rows := text[bytes.IndexByte(text, '['):]
			rows[bytes.Index(rows, []byte(`",`))+30] = 'x' // in the second one
			if err := os.WriteFile(digestFile(t, dir), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("backup"),
				VolumeID: storetest.ID("volume"), Content: content, Compression: "none"})
			tt.spoil(t, b, dir)
			v := open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
			p := make([]byte, block)
			if ok, err := v.LoadUnproven(t.Context(), p, block); ok || err != nil {
				t.Error("nothing can prove these bytes later:", ok, err)
			}
			if right, err := v.Prove(t.Context(), all(t, content)[block:2*block], block); right ||
				err != nil {
				t.Error("proven by nothing:", err)
			}
		})
	}
}

func TestAReadAtRandomTakesFewRows(t *testing.T) {
	const block = 32 << 10
	dir := t.TempDir()
	content := storetest.Text(48<<20, 1)
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("backup"),
		VolumeID: storetest.ID("volume"), Content: content, Compression: "none"})
	v, s := counted(t, dir, b.ID)
	rows, err := filepath.Rel(dir, digestFile(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	bytes, calls := s.read[rows], s.calls[rows]
	for _, at := range []int64{17 << 20, 5 << 20, 40 << 20} {
		if err := v.ReadAt(t.Context(), make([]byte, 4096), at); err != nil {
			t.Fatal(err)
		}
	}
	if n, k := s.read[rows]-bytes, s.calls[rows]-calls; k != 3 || n > 3*5<<10 {
		t.Errorf("%d reads of %d bytes of the rows, want 3 of less than 5 KiB", k, n)
	}
	calls = s.calls[rows]
	for at := int64(0); at < 48<<20; at += block {
		if err := v.ReadAt(t.Context(), make([]byte, block), at); err != nil {
			t.Fatal(err)
		}
	}
	if k := s.calls[rows] - calls; k > 8 {
		t.Errorf("%d reads of the rows of 48 MiB in order, want one for 32 MiB or so", k)
	}
}

func digestFile(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*/*/*/*_sha256file"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	return found[0]
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}
