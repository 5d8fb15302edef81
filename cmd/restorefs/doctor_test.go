package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/cmd/doctor"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

func TestTheDoctorExaminesThisMachine(t *testing.T) {
	unwatched(t)
	share, _ := smallShare(t)
	cache := filepath.Join(t.TempDir(), "cache")
	stdout, stderr, _ := restorefs(t, "doctor", "--share", share, "--cache-dir", cache, "--json")
	var found []doctor.Finding
	if err := json.Unmarshal([]byte(stdout), &found); err != nil || len(found) < 15 {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	if _, err := os.Stat(cache); err == nil {
		t.Error("it made a directory")
	}
	for _, f := range found {
		if f.State != doctor.OK && f.Next == "" {
			t.Errorf("it does not say what to do: %+v", f)
		}
	}
	stdout, stderr, code := restorefs(t, "doctor", "--share", share+"/none")
	if code != exitcode.Failed || stderr != "" || !strings.Contains(stdout, "\nproblem  share ") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	for _, wrong := range [][]string{{"--wait", "0s"}, {"--memory", "1"}, {"argument"}} {
		if _, stderr, code := restorefs(t, append([]string{"doctor", "--share", share}, wrong...)...); code != exitcode.Usage {
			t.Errorf("%s: exit %d: %s", wrong, code, stderr)
		}
	}
}
