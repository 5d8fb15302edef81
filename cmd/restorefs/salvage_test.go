package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/attended"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/report"
)

func TestSalvageRestoresWhatThereIs(t *testing.T) {
	share, list := storetest.Fixtures(t)
	for _, f := range list {
		if len(f.Damaged) == 0 || f.HealedBy != "" {
			continue
		}
		t.Run(f.Label, func(t *testing.T) {
			target := filepath.Join(t.TempDir(), "disk.raw")
			stdout, stderr, code := restorefs(t, "materialize", "--salvage", "--verify-after",
				"--json", "--share", share, f.ID, target)
			var result attended.Result
			if err := json.Unmarshal([]byte(stdout), &result); err != nil ||
				code != exitcode.Damaged || result.Verified || len(result.Lost) == 0 {
				t.Fatalf("exit %d, %v: %s%s", code, err, stdout, stderr)
			}
			if _, err := os.Stat(target + ".bad-ranges.map"); err != nil ||
				!strings.Contains(stderr, "lost: bytes") {
				t.Errorf("%v: %s", err, stderr)
			}
			got, err := os.Open(target)
			if err != nil {
				t.Fatal(err)
			}
			defer got.Close()
			sameButFor(t, storetest.Image(t, share, list, f), got, result.Lost, 0)
		})
	}
}

// sameButFor compares a file's start with want, except for the ranges, which must be filled with
// fill.
func sameButFor(t *testing.T, want []byte, got *os.File, lost []report.Range, fill byte) {
	t.Helper()
	for _, r := range lost {
		for i := r.Offset; i < min(r.Offset+r.Length, int64(len(want))); i++ {
			want[i] = fill
		}
	}
	is := make([]byte, len(want))
	if _, err := got.ReadAt(is, 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(is, want) {
		t.Error("the target is wrong")
	}
}

func TestSalvageCanKeepWhatTheTargetHolds(t *testing.T) {
	share, list := storetest.Fixtures(t)
	f := storetest.Find(t, list, "none object flipped")
	target := filepath.Join(t.TempDir(), "disk.raw")
	if err := os.WriteFile(target, bytes.Repeat([]byte{0xaa}, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(target, f.VolumeGiB<<30); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := restorefs(t, "materialize", "--share", share, f.ID, target,
		"--salvage=keep", "--force", "--yes", "--json")
	var result attended.Result
	if err := json.Unmarshal([]byte(stdout), &result); err != nil || code != exitcode.Damaged ||
		len(result.Lost) != 1 {
		t.Fatalf("exit %d, %v: %s%s", code, err, stdout, stderr)
	}
	got, err := os.Open(target)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Close()
	sameButFor(t, storetest.Image(t, share, list, f), got, result.Lost, 0xaa)
	if _, stderr, code := restorefs(t, "materialize", "--salvage=rubbish", "--share", share, f.ID,
		target); code != exitcode.Usage {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestSalvageOfAWholeBackupIsARestore(t *testing.T) {
	share, list := storetest.Fixtures(t)
	for _, label := range []string{"chain 3", "damaged with a sibling"} {
		f := storetest.Find(t, list, label)
		target := filepath.Join(t.TempDir(), "disk.raw")
		stdout, stderr, code := restorefs(t, "materialize", "--share", share, "--salvage", f.ID,
			target)
		if code != 0 {
			t.Fatalf("exit %d: %s%s", code, stdout, stderr)
		}
		sameDisk(t, sourceDisk(t, share, list, f), target)
		if healed := strings.Contains(stdout, "taken from other backups"); healed != (f.HealedBy != "") {
			t.Errorf("healed %v: %s", healed, stdout)
		}
		if _, err := os.Stat(target + ".bad-ranges.map"); err == nil {
			t.Error("there is a map of bad ranges")
		}
	}
}
