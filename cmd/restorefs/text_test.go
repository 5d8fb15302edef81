package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// nasty contains what a terminal acts on, hides, or draws elsewhere.
const nasty = "a\x1b[31m\u009b31m\u0085\x7f\u202eb\u2066\u200f\ufeff\U000e0041\u061c\u2028z"

func TestCommandsPrintNothingThatSteersATerminal(t *testing.T) {
	unwatched(t)
	share := t.TempDir()
	long := strings.Repeat("long", 200) // the catalogue keeps 1 KiB of a name
	meta := `{"version": 2, "volume-base-metadata": {"id": "x", "display_name": ` +
		asJSON(t, nasty+long) + `}, "volume-metadata": {"k": ` + asJSON(t, nasty) + `}}`
	b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("one"),
		VolumeID: storetest.ID("volume"), Name: nasty, VolumeMeta: meta,
		Content: storetest.Text(1<<20, 7)})
	target := t.TempDir() + "/x.raw"
	for _, args := range [][]string{{"list"}, {"list", "--json"}, {"show", b.ID},
		{"show", "--json", b.ID}, {"records"}, {"records", "--json"},
		{"materialize", b.ID, target}} {
		stdout, stderr, code := restorefs(t, append(args, "--share", share)...)
		for _, r := range stdout + stderr {
			if r != '\n' && safetext.Steers(r) {
				t.Errorf("%q prints %U", args, r)
				break
			}
		}
		whole := args[0] != "records" && slices.Contains(args, "--json") // nothing is cut
		cut := args[0] != "show"                                         // which cuts at 1024 characters
		if code != 0 || (whole || cut) && whole != strings.Contains(stdout, long) {
			t.Errorf("%q: exit %d, %d bytes", args, code, len(stdout)+len(stderr))
		}
	}
}

func asJSON(t *testing.T, s string) string {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
