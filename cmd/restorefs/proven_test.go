package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/report"
)

func TestListAndShowSayWhenABackupWasLastProven(t *testing.T) {
	unwatched(t)
	share, list := storetest.Fixtures(t)
	good, part := storetest.Find(t, list, "chain 3"), storetest.Find(t, list, "full bz2")
	bad := storetest.Find(t, list, "damaged with a sibling")
	kept := filepath.Join(t.TempDir(), "state")
	do := func(want int, args ...string) (stdout string) {
		t.Helper()
		stdout, stderr, code := restorefs(t, append(args, "--share", share, "--record", kept)...)
		if code != want {
			t.Fatalf("%s: exit %d: %s", args, code, stderr)
		}
		return stdout
	}
	if out := do(0, "list"); strings.Contains(out, "PROVEN") {
		t.Errorf("nothing is known: %s", out)
	}
	if _, err := os.Stat(kept); err == nil {
		t.Error("a list made the directory")
	}
	do(exitcode.Damaged, "verify", good.ID, bad.ID)
	do(0, "verify", "--sample", "60%", part.ID)
	var all []report.Backup
	if err := json.Unmarshal([]byte(do(0, "list", "--json")), &all); err != nil {
		t.Fatal(err)
	}
	for _, b := range all {
		p := b.Proven
		switch b.ID {
		case good.ID:
			if p == nil || !p.OK || p.AllAt == nil || p.PartAt != nil {
				t.Errorf("%+v", p)
			}
		case part.ID:
			if p == nil || !p.OK || p.AllAt != nil || p.PartAt == nil || p.Part <= 0 {
				t.Errorf("%+v", p)
			}
		case bad.ID:
			if p == nil || p.OK || p.DamagedBytes == 0 || p.HealedBytes != p.DamagedBytes {
				t.Errorf("%+v", p)
			}
		default:
			if p != nil {
				t.Errorf("%s: %+v", b.ID, p)
			}
		}
	}
	table := do(0, "list")
	if !strings.Contains(table, "PROVEN") || strings.Count(table, "  now  ") < 1 || !strings.Contains(table, "healed, now") {
		t.Errorf("%s", table)
	}
	if out := do(0, "show", "--look", "0", good.ID); !strings.Contains(out, "proven       all of it, ") {
		t.Errorf("%s", out)
	}
	out := do(0, "list", "--state", "damaged")
	if !strings.Contains(out, bad.ID) || strings.Contains(out, good.ID) ||
		!strings.Contains(out, "1 backup of 1 volume") || !strings.Contains(out, "; 1 damaged") {
		t.Errorf("%s", out)
	}
	copied := t.TempDir()
	run(t, "cp", "-a", share+"/.", copied)
	stdout, stderr, code := restorefs(t, "list", "--state", "damaged", "--share", copied,
		"--record", kept)
	if code != 0 || stdout != "" || !strings.Contains(stderr, "as far as is known") {
		t.Errorf("of a copy nothing is known: exit %d: %s%s", code, stdout, stderr)
	}
	// A backup whose files are others is another one.
	if err := os.Chtimes(filepath.Join(share, good.Container, good.Prefix+"_metadata"), good.Created, good.Created); err != nil {
		t.Fatal(err)
	}
	if out := do(0, "show", "--look", "0", good.ID); strings.Contains(out, "proven") {
		t.Errorf("%s", out)
	}
}

func TestWhatVerifyFindsOutIsKeptWhereItMayBe(t *testing.T) {
	unwatched(t)
	share, b := smallShare(t)
	if _, stderr, code := restorefs(t, "verify", "--share", share, "--record", share+"/x", b.ID); code != exitcode.Usage || !strings.Contains(stderr, "on the share") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"verify", "list"} {
		if _, stderr, code := restorefs(t, command, "--share", share, "--record", open); code != exitcode.Failed || !strings.Contains(stderr, "--record") {
			t.Errorf("%s, a directory of others that was named: exit %d: %s", command, code, stderr)
		}
		cmd := program(t, command, "--share", share)
		cmd.Env = append(cmd.Env, "XDG_STATE_HOME=/dev/null")
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "cannot be kept") != (command == "verify") {
			t.Errorf("%s, the usual one cannot be made: %v %s", command, err, out)
		}
	}
}

func TestWhatCannotBeKeptIsFoundOutNevertheless(t *testing.T) {
	unwatched(t)
	share, list := storetest.Fixtures(t)
	bad := storetest.Find(t, list, "damaged with a sibling")
	kept := t.TempDir()
	if err := os.Chmod(kept, 0o700); err != nil {
		t.Fatal(err)
	}
	// So nothing can be kept, whoever runs this.
	if err := os.Mkdir(filepath.Join(kept, "proven.lock"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"verify", "--json", bad.ID}, {"map", "--verify", "--json", "--look", "0", bad.ID},
	} {
		out, stderr, code := restorefs(t, append(args, "--share", share, "--record", kept)...)
		if code != exitcode.Damaged || !strings.Contains(stderr, "keep what was proven") || !json.Valid([]byte(out)) {
			t.Errorf("%s: exit %d: %s%s", args, code, out, stderr)
		}
	}
}
