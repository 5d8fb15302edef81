package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/records"
)

const recordsProject = "0123456789abcdef0123456789abcdef"

// recordsShare writes the backups for tests of records: a chain of three, and a full one of another
// volume in the root of the share.
func recordsShare(t *testing.T) (share string, ids []string) {
	t.Helper()
	share = t.TempDir()
	meta := `{"version": 2, "volume-base-metadata": {"size": 1, "display_name": "db", "project_id": "` + recordsProject + `", "user_id": "u", "encryption_key_id": null}}`
	write := func(s storetest.Spec) {
		s.ID, s.Content = storetest.ID(s.Name), storetest.Bytes(make([]byte, 100000))
		s.VolumeMeta = meta
		if s.ParentID != "" {
			s.Parent = s.Content
		}
		storetest.MustWrite(t, share, s)
		ids = append(ids, s.ID)
	}
	chain := storetest.ID("volume of a chain")
	write(storetest.Spec{Name: "it's \"full\"\n$(reboot) ü", VolumeID: chain, Description: "d"})
	write(storetest.Spec{Name: "middle", VolumeID: chain, ParentID: ids[0]})
	write(storetest.Spec{Name: "top", VolumeID: chain, ParentID: ids[1]})
	write(storetest.Spec{Name: "other", VolumeID: storetest.ID("other volume"), Container: "."})
	return share, ids
}

func TestRecordsAreWhatCinderExports(t *testing.T) {
	unwatched(t)
	share, ids := recordsShare(t)
	out, errOut, code := restorefs(t, "records", "--share", share, "--json", ids[2], ids[1])
	if code != 0 || !containsAll(errOut, []string{"3 records, 3 GiB", "are incremental. Cinder 23.0.0 (2023.2) to 28 restores"}) {
		t.Fatalf("%d %s", code, errOut)
	}
	var got []struct {
		ID            string  `json:"id"`
		ParentID      *string `json:"parent_id"`
		BackupService string  `json:"backup_service"`
		BackupURL     string  `json:"backup_url"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got) != 3 {
		t.Fatalf("%v in %s", err, out)
	}
	for i := range got { // parents first
		if got[i].ID != ids[i] || got[i].BackupService != "cinder.backup.drivers.nfs.NFSBackupDriver" {
			t.Fatalf("%d: %+v", i, got[i])
		}
	}
	text, err := base64.StdEncoding.DecodeString(got[1].BackupURL)
	if err != nil {
		t.Fatal(err)
	}
	// Like an export of Cinder 21.3.1, except for what only its database knows: host is null, and
	// updated_at is missing.
	want := strings.NewReplacer("ID", ids[1], "PARENT", ids[0], "VOLUME", storetest.ID("volume of a chain"), "DIR", ids[1][:2]+"/"+ids[1][2:4]+"/"+ids[1],
		"PROJECT", recordsProject).Replace(
		`{"driver_info": {}, "id": "ID", "user_id": "u", "project_id": "PROJECT", "volume_id": "VOLUME", "host": null, "availability_zone": null,
		"container": "DIR", "parent_id": "PARENT", "status": "available", "fail_reason": null, "size": 1, "display_name": "middle",
		"display_description": null, "service_metadata": "volume_VOLUME_20260201120000_backup_ID", "service": "cinder.backup.drivers.nfs.NFSBackupDriver",
		"object_count": 0, "temp_volume_id": null, "temp_snapshot_id": null, "num_dependent_backups": 1, "snapshot_id": null,
		"data_timestamp": "2026-02-01T12:00:00Z", "restore_volume_id": null, "metadata": {}, "encryption_key_id": null,
		"created_at": "2026-02-01T12:00:00Z", "deleted_at": null, "deleted": false}`)
	var a, b map[string]any
	if json.Unmarshal(text, &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
		t.Fatalf("no JSON: %s", text)
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if string(x) != string(y) {
		t.Errorf("record\n%s\nnot\n%s", x, y)
	}
}

func TestABackupInTheRootOfTheShareHasTheEmptyContainer(t *testing.T) {
	unwatched(t)
	share, ids := recordsShare(t)
	out, _, _ := restorefs(t, "records", "--share", share, "--json", ids[3])
	if !strings.Contains(out, `"container": ""`) || !strings.Contains(out, `"object_count": 1`) {
		t.Error(out)
	}
}

func TestAShareThatIsNotCindersIsNoted(t *testing.T) {
	unwatched(t)
	share, ids := recordsShare(t)
	if _, errOut, code := restorefs(t, "records", "--share", filepath.Join(share, ids[0][:2])); code != 0 || !strings.Contains(errOut, "1 of them lie where") {
		t.Errorf("%d %s", code, errOut)
	}
	if _, errOut, _ := restorefs(t, "records", "--share", share); strings.Contains(errOut, "lie") {
		t.Error(errOut)
	}
	high := filepath.Dir(share)
	_, errOut, code := restorefs(t, "records", "--share", high)
	if code != 0 || !strings.Contains(errOut, "3 of them lie in "+filepath.Base(share)+"/") {
		t.Errorf("%d %s", code, errOut)
	}
}

func TestBrokenBackupsGetNoRecord(t *testing.T) {
	unwatched(t)
	share, ids := recordsShare(t)
	found, err := filepath.Glob(filepath.Join(share, "*", "*", ids[1], "*_metadata"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v %v", found, err)
	}
	if err := os.Remove(found[0]); err != nil {
		t.Fatal(err)
	}
	out, errOut, code := restorefs(t, "records", "--share", share)
	if code != 0 || strings.Count(out, "record import") != 2 || !strings.Contains(errOut, "1 broken and 1 incomplete") {
		t.Errorf("%d\n%s\n%s", code, out, errOut)
	}
	out, errOut, code = restorefs(t, "records", "--share", share, ids[2])
	if code != exitcode.Damaged || out != "" || !strings.Contains(errOut, ids[1]+" is incomplete") {
		t.Errorf("%d\n%s\n%s", code, out, errOut)
	}
}

func TestOnlyBackupsOfTheProjectGetRecords(t *testing.T) {
	unwatched(t)
	share, _ := recordsShare(t)
	if out, _, code := restorefs(t, "records", "--share", share, "--project", recordsProject); code != 0 || strings.Count(out, "record import") != 4 {
		t.Errorf("%d %s", code, out)
	}
	if _, errOut, code := restorefs(t, "records", "--share", share, "--project", "p"); code != exitcode.Usage || !strings.Contains(errOut, "no such backup") {
		t.Errorf("%d %s", code, errOut)
	}
}

// fakeOpenstack replaces python-openstackclient: it keeps the ids that it was given in DIR, and
// refuses those that are in DIR/refuse.
const fakeOpenstack = `#!/bin/sh
case $* in
"token issue -f value -c project_id") cat "$DIR/project" ;;
"volume backup list -f value -c ID") [ ! -e "$DIR/down" ] || { echo "no answer" >&2; exit 1; } ;;
"volume backup show -f value -c status "*) cat "$DIR/$8" ;;
"volume backup record import "*)
    id=$(echo "$6" | base64 -d | sed 's/^{"id":"\([0-9a-f-]*\)".*/\1/')
    echo "$5 $id" >>"$DIR/calls"
    if grep -q "$id" "$DIR/refuse" 2>/dev/null; then echo "quota" >&2; exit 1; fi
    echo available >"$DIR/$id" ;;
*) echo "called with $*" >&2; exit 2 ;;
esac
`

func TestTheScriptImportsParentsFirstAndGoesOn(t *testing.T) {
	firstPass(t)
	need(t, "sh", "base64", "sed")
	share, ids := recordsShare(t)
	dir, bin := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "openstack"), []byte(fakeOpenstack), 0o700); err != nil {
		t.Fatal(err)
	}
	out, errOut, code := restorefs(t, "records", "--share", share, "--script", "--backup-service", "a.b'c")
	if code != 0 {
		t.Fatal(errOut)
	}
	script := filepath.Join(dir, "import.sh")
	if err := os.WriteFile(script, []byte(out), 0o700); err != nil {
		t.Fatal(err)
	}
	file := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	runScript := func(exit int, says ...string) {
		t.Helper()
		cmd := program(t)
		cmd.Path, cmd.Args = "/bin/sh", []string{"sh", script}
		cmd.Env = append(os.Environ(), "DIR="+dir, "WAIT=1", "PATH="+bin+":"+os.Getenv("PATH"))
		out, _ := cmd.CombinedOutput()
		for _, s := range says {
			if !strings.Contains(string(out), s) {
				t.Errorf("it does not say %q:\n%s", s, out)
			}
		}
		if cmd.ProcessState.ExitCode() != exit {
			t.Errorf("exit code %d, not %d:\n%s", cmd.ProcessState.ExitCode(), exit, out)
		}
	}
	file("down", "")
	runScript(1, "nothing was imported")
	os.Remove(filepath.Join(dir, "down"))
	file("project", "another")
	runScript(1, "of project "+recordsProject+", but these credentials are of another", "Nothing was imported")
	file("project", "") // the old client does not know it
	runScript(1, "cannot be told", recordsProject, "Nothing was imported")
	file("project", recordsProject)
	file("refuse", ids[1])
	runScript(1, ids[0]+"  imported", ids[1]+"  FAILED: Cinder did not take it", ids[2]+"  FAILED: not tried", ids[3]+"  imported", "2 imported, 0 there already, 2 failed")
	file("refuse", "")
	file(ids[1], "creating")
	runScript(1, ids[1]+"  FAILED: its status in Cinder is still creating", "0 imported, 2 there already, 2 failed")
	file(ids[1], "error")
	runScript(1, ids[1]+"  FAILED: its status in Cinder is error", "only if it has no container")
	os.Remove(filepath.Join(dir, ids[1]))
	runScript(0, ids[1]+"  imported", ids[2]+"  imported", "2 imported, 2 there already, 0 failed")
	runScript(0, "0 imported, 4 there already, 0 failed")
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if want := "a.b'c " + strings.Join([]string{ids[3], ids[0], ids[1], ids[1], ids[2]}, "\na.b'c ") + "\n"; err != nil || string(calls) != want {
		t.Errorf("calls\n%s\nnot\n%s", calls, want)
	}
}

// The types and names of a record's fields are those of Cinder's object.
func TestCinderReadsTheRecordsAsTheyAreMeant(t *testing.T) {
	firstPass(t)
	if err := exec.Command("/usr/bin/python3", "-W", "ignore", "-c", "import cinder.objects").Run(); err != nil {
		skip(t, "needs Cinder's code (python3-cinder): %v", err)
	}
	share, _ := recordsShare(t)
	out, errOut, code := restorefs(t, "records", "--share", share, "--json")
	if code != 0 {
		t.Fatal(errOut)
	}
	var ours []struct {
		URL    string         `json:"backup_url"`
		Record map[string]any `json:"record"`
	}
	if err := json.Unmarshal([]byte(out), &ours); err != nil || len(ours) != 4 {
		t.Fatalf("%v: %s", err, out)
	}
	var urls []string
	for _, r := range ours {
		urls = append(urls, r.URL)
	}
	in, err := json.Marshal(urls)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-W", "ignore", "testdata/cinder_records.py")
	var complaints strings.Builder
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(in)), &complaints
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	var theirs []map[string]any
	if err := json.Unmarshal(text, &theirs); err != nil || len(theirs) != 4 {
		t.Fatalf("%v: %s", err, text)
	}
	for i := range ours {
		delete(theirs[i], "updated_at")
		if !reflect.DeepEqual(theirs[i], ours[i].Record) {
			t.Errorf("Cinder makes\n%v\nof\n%v", theirs[i], ours[i].Record)
		}
	}
}

func TestRecordsOfABucketAreForADriverOfObjectStores(t *testing.T) {
	unwatched(t)
	share := t.TempDir()
	in := func(container string) storetest.Backup {
		return storetest.MustWrite(t, filepath.Join(share, container), storetest.Spec{
			ID: storetest.ID("b"), VolumeID: storetest.ID("v"), Content: storetest.Text(1<<10, 1), Bucket: true, Zone: "z/1",
		})
	}
	b := in("copies/cinder")
	for _, c := range []struct {
		dir, bucket string
		args        []string
	}{
		{"", "cinder", []string{"--backup-service", "s3"}},
		{"copies/cinder", "", []string{"--backup-service", "swift"}},
		{"copies/cinder", "other", []string{"--backup-service", "gcs", "--bucket", "other"}},
		{"", "", []string{"--backup-service", "posix"}},
		{"", "", nil},
	} {
		out, errOut, code := restorefs(t, append([]string{"records", "--json", "--share", filepath.Join(share, c.dir)}, c.args...)...)
		if c.bucket == "" {
			if code != exitcode.Usage || !strings.Contains(errOut, "--b") {
				t.Errorf("%v: exit %d: %s", c, code, errOut)
			}
			continue
		}
		var all []records.Record
		if err := json.Unmarshal([]byte(out), &all); err != nil || code != 0 || len(all) != 1 {
			t.Fatalf("%v: exit %d, %v: %s", c, code, err, errOut)
		}
		if r := all[0].Record; r.Container != c.bucket || r.ServiceMetadata != b.Key || !strings.Contains(r.Service, c.args[1]) {
			t.Errorf("%v: %+v", c, r)
		}
	}
}
