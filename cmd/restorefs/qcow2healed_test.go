package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/attended"
)

func TestAQcow2TellsWhatWasHealed(t *testing.T) {
	need(t, "qemu-img")
	needMount(t)
	share := t.TempDir()
	content := storetest.Text(4<<20, 3)
	spec := storetest.Spec{ID: storetest.ID("healed"), VolumeID: storetest.ID("volume"),
		Content: content, Compression: "none"}
	b := storetest.MustWrite(t, share, spec)
	spec.ID = storetest.ID("its twin")
	storetest.MustWrite(t, share, spec)
	object := b.Path("-00001")
	p, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	p[1<<20+5] ^= 1
	if err := os.WriteFile(object, p, 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := restorefs(t, "materialize", "--format", "qcow2", "--json", "--share",
		share, b.ID, filepath.Join(t.TempDir(), "disk"))
	var out attended.Result
	if err := json.Unmarshal([]byte(stdout), &out); err != nil || code != 0 {
		t.Fatalf("exit %d, %v: %s%s", code, err, stdout, stderr)
	}
	if len(out.Healed) == 0 || out.Healed[0].Offset > 1<<20+5 ||
		out.Healed[0].Offset+out.Healed[0].Length <= 1<<20+5 {
		t.Errorf("healed: %v", out.Healed)
	}
}
