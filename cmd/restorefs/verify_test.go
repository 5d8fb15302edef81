package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/wording"
)

func TestVerifyReportsEveryBackup(t *testing.T) {
	share, list := storetest.Fixtures(t)
	// Backups that Cinder did not complete are no finding of a nightly run.
	fixtures := len(list)
	list = slices.DeleteFunc(slices.Clone(list), func(f storetest.Fixture) bool { return f.State == storetest.Incomplete })
	stdout, stderr, code := restorefs(t, "verify", "--share", share, "--json")
	if fixtures == len(list) || !strings.Contains(stderr, "left out") {
		t.Errorf("what was left out is not told: %s", stderr)
	}
	var all []report.Verified
	if err := json.Unmarshal([]byte(stdout), &all); err != nil || code != exitcode.Damaged || len(all) != len(list) {
		t.Fatalf("exit %d, %v, %d of %d: %s", code, err, len(all), len(list), stderr)
	}
	got := map[string]report.Verified{}
	for _, v := range all {
		got[v.Backup] = v
	}
	for _, f := range list {
		v := got[f.ID]
		if v.OK != (f.State == storetest.Complete) || v.OK != (len(v.Damaged) == 0) || v.Damaged == nil {
			t.Errorf("%s: %+v", f.Label, v)
		}
	}
	sibling := storetest.Find(t, list, "sibling").ID
	if d := got[storetest.Find(t, list, "damaged with a sibling").ID].Damaged; len(d) != 1 || !strings.Contains(d[0].Reason, sibling) {
		t.Errorf("%+v", d)
	}
	stdout, stderr, code = restorefs(t, "verify", "--share", share) // for people
	for _, f := range list {
		if !strings.Contains(stdout, f.ID) {
			t.Errorf("%s is not in what people read", f.Label)
		}
		if f.State != storetest.Complete && !containsAny(strings.ToLower(stdout), f.Words) {
			t.Errorf("%s: none of %q is said", f.Label, f.Words)
		}
	}
	if code != exitcode.Damaged || !strings.Contains(stderr, "backups cannot be restored") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestVerifyOfGoodBackupsExitsWithZero(t *testing.T) {
	share, list := storetest.Fixtures(t)
	a, b := storetest.Find(t, list, "chain 3"), storetest.Find(t, list, "full bz2")
	for _, flags := range [][]string{nil, {"--sample", "30%"}, {"--sample=1"}, {"--jobs", "1"}} {
		args := append(append([]string{"verify", "--share", share}, flags...), a.ID[:8], b.VolumeID+"@latest")
		stdout, stderr, code := restorefs(t, args...)
		if code != 0 || strings.Count(stdout, "  ok") != 2 {
			t.Errorf("%v: exit %d: %s%s", flags, code, stdout, stderr)
		}
	}
	for _, flags := range [][]string{{"--sample", "0"}, {"--sample", "120%"}, {"--sample", "x"}, {"--jobs", "-1"}, {"--target", "x"}, {"--target", "x", "--sample", "5%", a.ID}} {
		if _, stderr, code := restorefs(t, append([]string{"verify", "--share", share}, flags...)...); code != exitcode.Usage {
			t.Errorf("%v: exit %d: %s", flags, code, stderr)
		}
	}
}

func TestACommandForTheWholeShareFailsWhereThatIsNotSeen(t *testing.T) {
	unwatched(t)
	empty := t.TempDir()
	for _, command := range []string{"verify", "verify --json", "verify --sample 5%", "index --all"} {
		_, stderr, code := restorefs(t, append(strings.Fields(command), "--share", empty)...)
		if code != exitcode.Failed || !strings.Contains(stderr, "no backups on "+empty) {
			t.Errorf("%s: exit %d: %s", command, code, stderr)
		}
	}
	share, b := smallShare(t)
	if _, stderr, code := restorefs(t, "verify", "--share", share); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	// Root may read everything, but this is too deep to be looked at.
	if err := os.MkdirAll(filepath.Join(share, strings.Repeat("d/", 20)), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"verify", "index --all", "records", "list"} {
		stdout, stderr, code := restorefs(t, append(strings.Fields(command), "--share", share)...)
		if code != exitcode.Failed || !strings.Contains(stdout, b.ID) || !strings.Contains(stderr, "not all of the share") {
			t.Errorf("%s: exit %d: %s%s", command, code, stdout, stderr)
		}
		if command == "list" {
			continue
		}
		// A backup that is named was found.
		command = strings.TrimSuffix(command, " --all")
		if _, stderr, code := restorefs(t, command, "--share", share, b.ID); code != 0 {
			t.Errorf("%s BACKUP: exit %d: %s", command, code, stderr)
		}
	}
	_, stderr, code := restorefs(t, "verify", "--share", share, "--since", "1m")
	if code != exitcode.Failed || !strings.Contains(stderr, "none of 1 backup is like that") ||
		!strings.Contains(stderr, "not all of the share") {
		t.Errorf("verify of what may not have been seen: exit %d: %s", code, stderr)
	}
}

func TestVerifySaysInJSONWhatPeopleRead(t *testing.T) {
	share, list := storetest.Fixtures(t)
	noted, plain := storetest.Find(t, list, "_sha256file missing"), storetest.Find(t, list, "full bz2")
	stdout, stderr, _ := restorefs(t, "verify", "--share", share, "--json", noted.ID)
	var all []report.Verified
	if err := json.Unmarshal([]byte(stdout), &all); err != nil || len(all) != 1 || len(all[0].Notes) != 1 || !strings.Contains(all[0].Notes[0], "no _sha256file") {
		t.Errorf("%v %s%s", err, stdout, stderr)
	}
	stdout, stderr, _ = restorefs(t, "verify", "--share", share, "--json", "--sample", "30%", plain.ID)
	all = nil
	if err := json.Unmarshal([]byte(stdout), &all); err != nil || len(all) != 1 || all[0].SampledOf <= all[0].Blocks || all[0].Notes == nil {
		t.Errorf("%v %s%s", err, stdout, stderr)
	}
}

func TestVerifyComparesATarget(t *testing.T) {
	share, list := storetest.Fixtures(t)
	f := storetest.Find(t, list, "chain 1")
	disk := sourceDisk(t, share, list, f)
	stdout, stderr, code := restorefs(t, "verify", "--share", share, "--target", disk, f.ID)
	if code != 0 || !strings.Contains(stdout, "all equal") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	file, err := os.OpenFile(disk, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte("x"), 512<<20); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code = restorefs(t, "verify", "--json", "--share", share, "--target", disk, f.ID)
	var c report.Compared
	if err := json.Unmarshal([]byte(stdout), &c); err != nil || code != exitcode.Failed || c.Equal || len(c.Differing) != 1 || c.Differing[0] != (report.Range{Offset: 512 << 20, Length: 32 << 10}) {
		t.Errorf("exit %d, %v: %s%s", code, err, stdout, stderr)
	}
	if _, stderr, code = restorefs(t, "verify", "--share", share, "--target", filepath.Join(share, "nothing"), f.ID); code != exitcode.Failed || !strings.Contains(stderr, "nothing") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestDiffShowsWhatDiffers(t *testing.T) {
	share, list := storetest.Fixtures(t)
	a, b := storetest.Find(t, list, "chain 0"), storetest.Find(t, list, "chain 1")
	stdout, stderr, code := restorefs(t, "diff", "--share", share, "--json", a.ID, b.ID)
	var ranges []report.Range
	if err := json.Unmarshal([]byte(stdout), &ranges); err != nil || code != 0 || len(ranges) == 0 {
		t.Fatalf("exit %d, %v: %s%s", code, err, stdout, stderr)
	}
	was, is := storetest.Image(t, share, list, a), storetest.Image(t, share, list, b)
	differ := 0
	for _, r := range ranges {
		if string(was[r.Offset:r.Offset+r.Length]) == string(is[r.Offset:r.Offset+r.Length]) {
			t.Errorf("%+v does not differ", r)
		}
		differ += int(r.Length)
		copy(was[r.Offset:r.Offset+r.Length], is[r.Offset:])
	}
	if string(was) != string(is) {
		t.Error("there is more that differs")
	}
	stdout, _, code = restorefs(t, "diff", "--share", share, a.ID, b.ID)
	if code != 0 || !strings.Contains(stdout, wording.Size(int64(differ))+" in ") {
		t.Errorf("exit %d: %s", code, stdout)
	}
	if stdout, _, code = restorefs(t, "diff", "--share", share, "--json", a.ID, a.ID); code != 0 || strings.Join(strings.Fields(stdout), "") != "[]" {
		t.Errorf("exit %d: %s", code, stdout)
	}
	for label, want := range map[string]int{"_sha256file missing": exitcode.Failed, "killed before _metadata": exitcode.Damaged} {
		if _, stderr, code := restorefs(t, "diff", "--share", share, a.ID, storetest.Find(t, list, label).ID); code != want || stderr == "" {
			t.Errorf("%s: exit %d: %s", label, code, stderr)
		}
	}
}

func TestVerifyProvesWhatIsChosen(t *testing.T) {
	unwatched(t)
	share, list := storetest.Fixtures(t)
	full, incremental := storetest.Find(t, list, "ext4 full"), storetest.Find(t, list, "ext4 incremental")
	for args, want := range map[string]struct {
		code  int
		lines int
		says  string
	}{
		"--volume " + full.VolumeID:                         {exitcode.Done, 2, ""},
		"--volume " + full.VolumeID + " --since 2026-12-31": {exitcode.Usage, 0, "nothing was verified"},
		"--project 0123":                                    {exitcode.Usage, 0, "nothing was verified"},
		"--volume nonsense":                                 {exitcode.Usage, 0, "nonsense"},
		"--since noon":                                      {exitcode.Usage, 0, "is no time such as"},
		"--since 2026-01-01 " + incremental.ID:              {exitcode.Usage, 0, "does not go with BACKUP"},
		"--project x --target /dev/null " + incremental.ID:  {exitcode.Usage, 0, "does not go with BACKUP"},
	} {
		out, stderr, code := restorefs(t, append([]string{"verify", "--share", share}, strings.Fields(args)...)...)
		if code != want.code || strings.Count(out, "\n") != want.lines || !strings.Contains(stderr, want.says) {
			t.Errorf("%s: exit %d: %s%s", args, code, out, stderr)
		}
	}
}
