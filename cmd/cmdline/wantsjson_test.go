package cmdline

import (
	"strings"
	"testing"
)

func TestJSONIsAskedForWhereverTheFlagStands(t *testing.T) {
	for line, want := range map[string]bool{
		"restorefs list --json": true, "restorefs --json list": true,
		"restorefs list --json=true":   true,
		"restorefs list --format json": true, "restorefs list --format=json --nonsense": true,
		"restorefs list": false, "restorefs show -- --json": false,
		"restorefs list --format csv":      false,
		"restorefs verify --progress json": false, "restorefs list --json=false": false,
		"restorefs list --format": false,
	} {
		if got := WantsJSON(strings.Fields(line)); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}
