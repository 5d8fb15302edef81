package backupstore_test

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

func diff(t *testing.T, c *backupstore.Catalog, a, b string) ([]backupstore.Range, error) {
	t.Helper()
	var out []backupstore.Range
	for r, err := range c.Diff(t.Context(), find(t, c, a), find(t, c, b)) {
		if err != nil {
			return out, err
		}
		out = append(out, r)
	}
	return out, nil
}

// differing compares two images block by block; the shorter one goes on in zeros.
func differing(a, b []byte, block int) (out []backupstore.Range) {
	n := max(len(a), len(b))
	a, b = append(slices.Clone(a), make([]byte, n-len(a))...), append(slices.Clone(b), make([]byte, n-len(b))...)
	for off := 0; off < n; off += block {
		end := min(off+block, n)
		if bytes.Equal(a[off:end], b[off:end]) {
			continue
		}
		if k := len(out) - 1; k >= 0 && out[k].Off+out[k].Len == int64(off) {
			out[k].Len += int64(end - off)
		} else {
			out = append(out, backupstore.Range{Off: int64(off), Len: int64(end - off)})
		}
	}
	return out
}

func TestDiffIsWhatTheImagesDifferIn(t *testing.T) {
	dir, fixtures := storetest.Fixtures(t)
	c := openCatalog(t, dir, backupstore.Options{})
	for _, pair := range [][2]string{{"chain 0", "chain 1"}, {"chain 3", "chain 0"}, {"chain 2", "chain 2"}, {"chain 3", "empty incremental"},
		{"full zlib", "full bz2"}, {"full zlib", "chain 0"}, {"ext4 full", "ext4 incremental"}, {"differential monday", "differential tuesday"}} {
		t.Run(pair[0]+" and "+pair[1], func(t *testing.T) {
			a, b := storetest.Find(t, fixtures, pair[0]), storetest.Find(t, fixtures, pair[1])
			got, err := diff(t, c, a.ID, b.ID)
			if err != nil {
				t.Fatal(err)
			}
			if want := differing(storetest.Image(t, dir, fixtures, a), storetest.Image(t, dir, fixtures, b), a.ShaBlock); !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

func TestDiffOfVolumesOfDifferentSizes(t *testing.T) {
	dir := t.TempDir()
	long, short := storetest.ID("long"), storetest.ID("short")
	text := all(t, storetest.Text(300_000, 1))
	grown := append(append(slices.Clone(text[:98304]), make([]byte, 65536)...), text[163840:]...)
	storetest.MustWrite(t, dir, storetest.Spec{ID: long, VolumeID: storetest.ID("v1"), Content: storetest.Bytes(grown), Volume: storetest.Volume{GiB: 2}})
	storetest.MustWrite(t, dir, storetest.Spec{ID: short, VolumeID: storetest.ID("v2"), Content: storetest.Bytes(text[:100_000])})
	c := openCatalog(t, dir, backupstore.Options{})
	// Block 3 of the short one is 1696 bytes of text; then zeros to 163840.
	want := []backupstore.Range{{Off: 98304, Len: 32768}, {Off: 163840, Len: 163840}}
	for _, pair := range [][2]string{{long, short}, {short, long}} {
		if got, err := diff(t, c, pair[0], pair[1]); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v", got, err)
		}
	}
}

func TestDiffSaysWhyItCannot(t *testing.T) {
	dir, fixtures := storetest.Fixtures(t)
	c := openCatalog(t, dir, backupstore.Options{})
	good := storetest.Find(t, fixtures, "full zlib").ID
	for label, want := range map[string]error{
		"sha 65536 full":          backupstore.ErrIncomparable,
		"_sha256file missing":     backupstore.ErrIncomparable,
		"parent missing":          backupstore.ErrDamaged,
		"killed before _metadata": backupstore.ErrDamaged,
	} {
		bad := ""
		for _, f := range fixtures {
			if f.Label == label || label == "sha 65536 full" && f.ShaBlock == 65536 {
				bad = f.ID
			}
		}
		if _, err := diff(t, c, good, bad); !errors.Is(err, want) {
			t.Errorf("%s: %v", label, err)
		}
	}
}

func TestADamagedDigestCountsAsDifferent(t *testing.T) {
	dir := t.TempDir()
	full, child, was, is := chain(t, dir)
	text, err := os.ReadFile(child.Path("_sha256file"))
	if err != nil {
		t.Fatal(err)
	}
	row := bytes.Index(text, []byte("[\n    \"")) + 7
	text[row] = 'x' // row 0
	if err := os.WriteFile(child.Path("_sha256file"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	c := openCatalog(t, dir, backupstore.Options{})
	got, err := diff(t, c, full.ID, child.ID)
	want := append([]backupstore.Range{{Off: 0, Len: 32768}}, differing(all(t, was), all(t, is), 32768)...)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, want %v, %v", got, want, err)
	}
	for range c.Diff(t.Context(), find(t, c, full.ID), find(t, c, child.ID)) {
		break // and leaving early is fine
	}
}
