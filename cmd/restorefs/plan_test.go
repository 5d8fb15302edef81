package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/attended"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// planOf runs a dry run and returns its JSON and its lines.
func planOf(t *testing.T, want int, args ...string) (p attended.Plan, lines string) {
	t.Helper()
	args = append([]string{"materialize", "--dry-run"}, args...)
	lines, stderr, code := restorefs(t, args...)
	if code != want {
		t.Errorf("exit %d, want %d: %s%s", code, want, lines, stderr)
	}
	stdout, stderr, code := restorefs(t, append(args, "--json")...)
	if err := json.Unmarshal([]byte(stdout), &p); err != nil || code != want {
		t.Fatalf("exit %d, want %d, %v: %s%s", code, want, err, stdout, stderr)
	}
	return p, lines
}

func TestADryRunNamesWhatIsMissing(t *testing.T) {
	share := t.TempDir()
	old := storetest.Disk(16<<20, 1)
	spec := storetest.Spec{ID: storetest.ID("plan 1"), VolumeID: storetest.ID("plan"), Content: old,
		FileSize: 4 << 20, Compression: "none"}
	full := storetest.MustWrite(t, share, spec)
	spec.ID, spec.ParentID, spec.Parent = storetest.ID("plan 2"), full.ID, old
	spec.Content = storetest.Overlay(old, storetest.Text(16<<20, 2),
		storetest.Extent{Offset: 4 << 20, Length: 4 << 20})
	top := storetest.MustWrite(t, share, spec)
	target := filepath.Join(t.TempDir(), "disk")
	args := []string{"--share", share, top.ID, target}

	// The increment's object covers the second one.
	p, lines := planOf(t, 0, args...)
	if p.Objects != 4 || len(p.Missing) != 0 || !p.Digests || p.StoredBytes != p.WriteBytes ||
		p.DecodedBytes != 0 || strings.Contains(lines, "missing") {
		t.Errorf("%+v\n%s", p, lines)
	}

	away := full.Path("-00003")
	if err := os.Rename(away, away+".away"); err != nil {
		t.Fatal(err)
	}
	p, lines = planOf(t, exitcode.Damaged, args...)
	if len(p.Missing) != 1 || p.Missing[0].Offset < 8<<20 || p.Missing[0].Bytes == 0 ||
		p.Objects != 3 {
		t.Errorf("%+v", p)
	}
	for _, words := range []string{"missing", "-00003: it is not on the share",
		"of the volume, the first at byte 8"} {
		if !strings.Contains(lines, words) {
			t.Errorf("%q does not say %q", lines, words)
		}
	}
	planOf(t, 0, append(args, "--salvage")...) // with it the restore would continue

	if err := os.Rename(away+".away", away); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(top.Path("_sha256file")); err != nil {
		t.Fatal(err)
	}
	if p, lines = planOf(t, 0, args...); p.Digests || p.StoredBytes < p.WriteBytes ||
		!strings.Contains(lines, "digests   none") {
		t.Errorf("%+v\n%s", p, lines)
	}

	for _, suffix := range []string{"-00001", "-00002", "-00003", "-00004", "_metadata",
		"_sha256file"} {
		if err := os.Remove(full.Path(suffix)); err != nil {
			t.Fatal(err)
		}
	}
	p, lines = planOf(t, exitcode.Damaged, args...)
	if len(p.Missing) == 0 ||
		!strings.Contains(lines, "its parent "+full.ID+" is not on the share") {
		t.Errorf("%+v\n%s", p, lines)
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("a dry run has made its target")
	}
}

func TestADryRunOfAnUpdateCountsOnlyWhatDiffers(t *testing.T) {
	share := t.TempDir()
	made := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("delta plan"),
		VolumeID: storetest.ID("delta"), Content: storetest.Text(16<<20, 1), FileSize: 4 << 20,
		Compression: "none"})
	target := filepath.Join(t.TempDir(), "disk")
	if _, stderr, code := restorefs(t, "materialize", "--share", share, made.ID,
		target); code != 0 {
		t.Fatal(stderr)
	}
	f, err := os.OpenFile(target, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []int64{100, 5 << 20, 5<<20 + 40_000} {
		if _, err := f.WriteAt([]byte("changed"), off); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	p, _ := planOf(t, 0, "--share", share, made.ID, target, "--delta", "--force")
	if !p.Exact || p.Objects != 2 || p.WriteBytes != 3*32<<10 || p.StoredBytes != 3*32<<10 {
		t.Errorf("%+v", p)
	}
}
