package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/cloud/cloudtest"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/records"
)

// fakeCinder fakes what records --import calls.
type fakeCinder struct{ *cloudtest.Records }

func newFakeCinder(t *testing.T) *fakeCinder {
	t.Helper()
	c := &fakeCinder{cloudtest.NewRecords()}
	t.Cleanup(c.Close)
	return c
}

// importInto runs records --import and returns the result for each backup.
func (c *fakeCinder) importInto(t *testing.T, share string,
	flags ...string) (results map[string]records.Imported, stderr string, code int) {
	t.Helper()
	cmd := program(t, append([]string{"records", "--share", share, "--import", "--json"},
		flags...)...)
	env := slices.DeleteFunc(cmd.Env, func(s string) bool { return strings.HasPrefix(s, "OS_") })
	cmd.Env = append(env, c.Env()...)
	var out, errOut strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.Run()
	var list []records.Imported
	if out.Len() > 0 {
		if err := json.Unmarshal([]byte(out.String()), &list); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
	}
	results = map[string]records.Imported{}
	for _, r := range list {
		results[r.ID] = r
	}
	return results, errOut.String(), cmd.ProcessState.ExitCode()
}

func TestRecordsAreImportedOnce(t *testing.T) {
	unwatched(t)
	share, ids := recordsShare(t)
	c := newFakeCinder(t)
	for _, want := range []cloud.RecordResult{cloud.RecordImported, cloud.RecordPresent} {
		got, errOut, code := c.importInto(t, share)
		if code != 0 || len(got) != 4 {
			t.Fatalf("%d %v %s", code, got, errOut)
		}
		for _, id := range ids {
			if got[id].Result != want {
				t.Errorf("%+v, not %s", got[id], want)
			}
		}
	}
	calls := c.Called()
	if at := func(i int) int { return slices.Index(calls, "import "+ids[i]) }; len(calls) != 4 ||
		at(0) > at(1) || at(1) > at(2) {
		t.Errorf("calls %q", calls)
	}
}

func TestChildrenOfAFailedRecordAreNotTriedAndARerunGoesOn(t *testing.T) {
	unwatched(t)
	share, ids := recordsShare(t)
	c := newFakeCinder(t)
	c.Change(func() {
		c.Fails = func(id, _ string) string {
			if id == ids[1] {
				return "database is locked"
			}
			return ""
		}
	})
	got, errOut, code := c.importInto(t, share)
	if code != exitcode.Failed || got[ids[0]].Result != cloud.RecordImported ||
		got[ids[3]].Result != cloud.RecordImported ||
		got[ids[1]].Result != cloud.RecordFailed ||
		!strings.Contains(got[ids[1]].Reason, "database is locked") ||
		got[ids[2]].Result != cloud.RecordSkipped ||
		!strings.Contains(got[ids[2]].Reason, "its parent "+ids[1]) {
		t.Fatalf("%d %v %s", code, got, errOut)
	}
	c.Change(func() { c.Fails = nil })
	c.Called()
	got, errOut, code = c.importInto(t, share)
	if code != 0 || got[ids[0]].Result != cloud.RecordPresent ||
		got[ids[1]].Result != cloud.RecordImported || got[ids[2]].Result != cloud.RecordImported {
		t.Fatalf("%d %v %s", code, got, errOut)
	}
	// What the failed import left is removed first, because it has no files.
	if want := []string{"delete " + ids[1], "import " + ids[1], "import " +
		ids[2]}; !slices.Equal(c.Called(), want) {
		t.Errorf("not the calls %q", want)
	}
}

func TestAFailureThatAllRecordsWouldMeetEndsTheImport(t *testing.T) {
	unwatched(t)
	share, ids := recordsShare(t)
	answer := func(status int, message string) func(http.ResponseWriter, string) bool {
		return func(w http.ResponseWriter, call string) bool {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"fault":{"code":%d,"message":%q}}`, status, message)
			return true
		}
	}
	for name, test := range map[string]struct {
		fault func(http.ResponseWriter, string) bool
		fails func(string, string) string
		says  string
	}{
		"not an admin": {fault: answer(403,
			"Policy doesn't allow backup:backup-import to be performed."), says: "takes an admin"},
		"the quota": {fault: answer(413, "Maximum number of backups allowed (10) exceeded"),
			says: "openstack quota set"},
		"no cinder-backup": {fault: answer(503, "Service cinder-backup could not be found."),
			says: "No cinder-backup is up"},
		"a server error": {fault: answer(500, "unexpected"), says: "500"},
		"another driver": {fails: func(_, s string) string {
			return "Import record failed, cannot find backup service to perform the import. Request service " + s
		}, says: "--backup-service"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newFakeCinder(t)
			c.Change(func() { c.Fault, c.Fails = test.fault, test.fails })
			got, errOut, code := c.importInto(t, share, ids[2])
			if code != exitcode.Failed || got[ids[0]].Result != cloud.RecordFailed ||
				got[ids[2]].Result != cloud.RecordSkipped || !strings.Contains(errOut, test.says) ||
				!strings.Contains(errOut, "goes on from there") {
				t.Errorf("%d %v %s", code, got, errOut)
			}
			if calls := c.Called(); len(calls) != 1 {
				t.Errorf("called %q", calls)
			}
		})
	}
}

func TestBackupsOfAnotherProjectAreRefused(t *testing.T) {
	unwatched(t)
	share, _ := recordsShare(t)
	c := newFakeCinder(t)
	t.Setenv("OS_PROJECT_ID", "unused")
	other := strings.ReplaceAll(recordsProject, "0123", "ffff")
	run := func(flags ...string) (string, int) {
		cmd := program(t, append([]string{"records", "--share", share, "--import"}, flags...)...)
		cmd.Env = append(os.Environ(), "RESTOREFS_TEST_MAIN=1", "OS_AUTH_TYPE=noauth",
			"OS_PROJECT_ID="+other, "CINDER_ENDPOINT="+c.URL+"/v3")
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	out, code := run()
	if code != exitcode.Usage ||
		!strings.Contains(out, "4 of 4 backups are of volumes of other projects") ||
		!strings.Contains(out, recordsProject+"  4") || len(c.Called()) != 0 {
		t.Errorf("%d %s", code, out)
	}
}
