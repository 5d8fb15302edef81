package main

import (
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/diskmap"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

func TestMapDrawsADisk(t *testing.T) {
	unwatched(t)
	share, list := storetest.Fixtures(t)
	top := storetest.Find(t, list, "chain 3")
	bad := storetest.Find(t, list, "damaged with a sibling")
	dir := t.TempDir()
	do := func(want int, args ...string) string {
		t.Helper()
		stdout, stderr, code := restorefs(t, append(append([]string{"map"}, args...), "--share", share, "--record", dir+"/state")...)
		if code != want {
			t.Fatalf("%s: exit %d: %s", args, code, stderr)
		}
		return stdout
	}
	var m diskmap.Described
	if err := json.Unmarshal([]byte(do(0, "--json", top.ID)), &m); err != nil {
		t.Fatal(err)
	}
	all, at := m.ZeroBytes, int64(0)
	for _, l := range m.Layers {
		all += l.DataBytes
	}
	for _, r := range m.Runs {
		if r.Offset != at {
			t.Errorf("there is a gap before %+v", r)
		}
		at += r.Length
	}
	if all != m.Size || at != m.Size || len(m.Layers) != 4 || !m.Exact || m.Layers[0].Backup != top.ID || m.Layers[0].DataBytes == 0 {
		t.Errorf("%+v", m)
	}
	picture := filepath.Join(dir, "a.png")
	do(0, "--png", picture, top.ID)
	f, err := os.Open(picture)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := png.Decode(f); err != nil {
		t.Error(err)
	}
	do(exitcode.Failed, "--png", picture, top.ID)
	do(0, "--png", picture, "--force", top.ID)
	do(exitcode.Usage, "--png", filepath.Join(share, "a.png"), top.ID)
	do(exitcode.Usage, "--png", picture, "--json", top.ID)
	if out := do(0, "--svg", "-", top.ID); !strings.HasPrefix(out, "<svg ") {
		t.Errorf("%.100s", out)
	}
	if out := do(0, bad.ID); strings.Contains(out, "+ 1 cell") || !strings.Contains(out, "not proven yet") {
		t.Errorf("%s", out)
	}
	// Damage is known once it was looked for, and stays known.
	for _, args := range [][]string{{"--verify"}, nil} {
		want := 0
		if args != nil {
			want = exitcode.Damaged
		}
		if out := do(want, append(args, bad.ID)...); !strings.Contains(out, "\n+ 1 cell") || !strings.Contains(out, "proven: ") {
			t.Errorf("%s: %s", args, out)
		}
	}
	do(exitcode.Damaged, storetest.Find(t, list, "killed before _metadata").ID)
}
