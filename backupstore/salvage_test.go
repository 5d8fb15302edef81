package backupstore_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func TestSalvageReadsAroundTheDamage(t *testing.T) {
	dir, fixtures := storetest.Fixtures(t)
	c := openCatalog(t, dir, backupstore.Options{})
	for _, f := range fixtures {
		if len(f.Damaged) == 0 {
			continue
		}
		for _, keep := range []bool{false, true} {
			name := f.Label
			if keep {
				name += ", keeping"
			}
			t.Run(name, func(t *testing.T) {
				fill := byte(0)
				var kept func([]byte, int64) error
				if keep {
					fill = 0xaa
					kept = func(p []byte, _ int64) error { copy(p, bytes.Repeat([]byte{fill}, len(p))); return nil }
				}
				s := backupstore.NewSalvage(open(t, c, f.ID), kept)
				want := storetest.Image(t, dir, fixtures, f)
				n := f.DataBytes
				for _, d := range f.Damaged {
					n = max(n, d.Offset+d.Length)
				}
				want = append(want, make([]byte, n-f.DataBytes)...)
				got := make([]byte, n)
				for off := int64(0); off < n; off += 100_000 { // not aligned
					if err := s.ReadAt(t.Context(), got[off:min(off+100_000, n)], off); err != nil {
						t.Fatal(err)
					}
				}
				if f.HealedBy != "" && len(s.Lost()) > 0 || f.HealedBy == "" && len(s.Lost()) == 0 {
					t.Fatalf("bad: %v", s.Lost())
				}
				for _, r := range s.Lost() {
					if !slices.ContainsFunc(f.Damaged, func(d storetest.Extent) bool {
						return d.Offset < r.Off+r.Len && r.Off < d.Offset+d.Length
					}) {
						t.Errorf("bad: %v, only %v should be", r, f.Damaged)
					}
					for i := r.Off; i < min(r.Off+r.Len, n); i++ {
						want[i] = fill
					}
				}
				if !bytes.Equal(got, want) {
					t.Error("wrong bytes outside of what is bad, or other bytes in it")
				}
			})
		}
	}
}

func TestTheMapIsDdrescues(t *testing.T) {
	var out strings.Builder
	bad := []backupstore.Range{{Off: 0, Len: 512}, {Off: 4096, Len: 4096}, {Off: 1<<40 - 512, Len: 512}}
	if err := backupstore.WriteMap(&out, 1<<40, bad, "backup x"); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
	}
	want := []string{"0xFFFFFFFFFF + 1", "0x00000000 0x00000200 -", "0x00000200 0x00000E00 +", "0x00001000 0x00001000 -",
		"0x00002000 0xFFFFFFDE00 +", "0xFFFFFFFE00 0x00000200 -"}
	if !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
	ddrescuelog, err := exec.LookPath("ddrescuelog")
	if err != nil {
		need.Missing(t, "needs ddrescuelog to read it too")
	}
	file := filepath.Join(t.TempDir(), "map")
	if err := os.WriteFile(file, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := exec.Command(ddrescuelog, "--list-blocks=-", "--block-size=512", file).CombinedOutput()
	if err != nil || !strings.HasPrefix(string(got), "0\n8\n9\n") {
		t.Errorf("%v: %s", err, got)
	}
}
