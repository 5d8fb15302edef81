package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/cmd/exitcode"
)

func TestTheLogIsQuietUnlessSomethingIsWrongAndJSONIfWanted(t *testing.T) {
	share, b := smallShare(t)
	if _, stderr, code := restorefs(t, "list", "--share", share); code != exitcode.Done ||
		stderr != "" {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	_, stderr, code := restorefs(t, "verify", "--share", share, "--cache-dir", "/dev/null/x",
		"--log-format", "json", b.ID)
	var line struct{ Level, Msg, Err string }
	if err := json.Unmarshal([]byte(stderr), &line); err != nil || code != exitcode.Done ||
		line.Level != "WARN" || line.Msg == "" || line.Err == "" {
		t.Errorf("exit code %d, %v: %s", code, err, stderr)
	}
	if _, stderr, code := restorefs(t, "list", "--share", share, "--log-format",
		"xml"); code != exitcode.Usage || !strings.Contains(stderr, "text or json") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
