package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestTheLogIsQuietUnlessSomethingIsWrongAndJSONIfWanted(t *testing.T) {
	share, b := smallShare(t)
	if _, stderr, code := restorefs(t, "list", "--share", share); code != exitDone || stderr != "" {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	_, stderr, code := restorefs(t, "verify", "--share", share, "--cache-dir", "/dev/null/x", "--log-format", "json", b.ID)
	var line struct{ Level, Msg, Err string }
	if err := json.Unmarshal([]byte(stderr), &line); err != nil || code != exitDone || line.Level != "WARN" || line.Msg == "" || line.Err == "" {
		t.Errorf("exit code %d, %v: %s", code, err, stderr)
	}
	if _, stderr, code := restorefs(t, "list", "--share", share, "--log-format", "xml"); code != exitUsage || !strings.Contains(stderr, "text or json") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
