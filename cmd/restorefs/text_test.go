package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/safetext"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// nasty contains what a terminal acts on, hides, or draws elsewhere.
const nasty = "a\x1b[31m\u009b31m\u0085\x7f\u202eb\u2066\u200f\ufeff\U000e0041\u061c\u2028z"

func TestCommandsPrintNothingThatSteersATerminal(t *testing.T) {
	share := t.TempDir()
	long := strings.Repeat("long", 200) // the catalogue keeps 1 KiB of a name
	meta := `{"version": 2, "volume-base-metadata": {"id": "x", "display_name": ` + asJSON(t, nasty+long) + `}, "volume-metadata": {"k": ` + asJSON(t, nasty) + `}}`
	b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("one"), VolumeID: storetest.ID("volume"), Name: nasty, VolumeMeta: meta, Content: storetest.Text(1<<20, 7)})
	target := t.TempDir() + "/x.raw"
	for _, args := range [][]string{{"list"}, {"list", "--json"}, {"show", b.ID}, {"show", "--json", b.ID}, {"records"}, {"records", "--json"}, {"materialize", b.ID, target}} {
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

func TestAVolumeIsListedByItsNewestName(t *testing.T) {
	backup := func(volume, name string) *backupstore.Backup {
		b := &backupstore.Backup{Scanned: backupstore.Scanned{ID: storetest.ID(volume + name), VolumeID: volume}}
		b.State = backupstore.Complete
		if name != "" {
			b.VolumeMeta = &format.VolumeSummary{}
			b.VolumeMeta.Base.Name = &name
		}
		return b
	}
	all := []*backupstore.Backup{ // oldest first
		backup("a", ""), backup("a", "first"), backup("a", "second"), backup("a", "first"), backup("a", "new"), backup("a", ""),
		backup("b", "only"), backup("c", ""),
	}
	names := volumeNames(all)
	for id, want := range map[string]string{"a": ` "new", before: "first", "second"`, "b": ` "only"`, "c": ""} {
		if got := namesText(names[id]); got != want {
			t.Errorf("%s: %s, not %s", id, got, want)
		}
	}
	var out bytes.Buffer
	printList(&out, all[:1], names, nil) // the listed one has no name itself
	if !strings.HasPrefix(out.String(), `volume a "new", before: "first", "second"`) {
		t.Errorf("%s", out.String())
	}
}
