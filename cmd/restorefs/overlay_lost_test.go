package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/cmd/exitcode"
)

// A user who lost a file of an overlay, or copied one in part, must learn that from every command,
// and must never get the backup as if nothing had been written.
func TestALostOrCutOverlayIsToldByEveryCommand(t *testing.T) {
	firstPass(t)
	needMount(t)
	share, id, _ := incremental(t, 4<<20)
	good := t.TempDir()
	disk, unmount := writableMount(t, share, id, good)
	writeAt(t, disk, []byte("mine"), 0)
	unmount(false)
	for _, c := range []struct {
		what, names string
		change      func(dir string) error
	}{
		{"no map", id + ".map", func(dir string) error {
			return os.Remove(filepath.Join(dir,
				id+".map"))
		}},
		{"the map cut to its header", id + ".map",
			func(dir string) error { return os.Truncate(filepath.Join(dir, id+".map"), 8192) }},
		{"the map cut inside a page", id + ".map",
			func(dir string) error { return os.Truncate(filepath.Join(dir, id+".map"), 12288) }},
		{"no data file", id + ".data", func(dir string) error {
			return os.Remove(filepath.Join(dir,
				id+".data"))
		}},
		{"the data file cut", id + ".data", func(dir string) error {
			return os.Truncate(
				filepath.Join(dir, id+".data"), 4<<20)
		}},
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(good)); err != nil {
			t.Fatal(err)
		}
		if err := c.change(dir); err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(t.TempDir(), "target")
		for _, cmd := range []struct {
			args []string
			code int
		}{
			{[]string{"materialize", "--share", share, "--overlay", dir, id, target},
				exitcode.Failed},
			{[]string{"mount", "--share", share, "--overlay", dir, t.TempDir()}, exitcode.Failed},
			{[]string{"show", "--share", share, "--overlay", dir, id}, 0},
			{[]string{"overlay", "list", dir}, 0},
			{[]string{"overlay", "discard", "--yes", dir, id}, 0}, // the last one
		} {
			stdout, stderr, code := restorefs(t, cmd.args...)
			if said := stdout + stderr; code != cmd.code || !strings.Contains(said, "damaged") ||
				!strings.Contains(said, c.names) || !strings.Contains(said, "put ") {
				t.Errorf("%s, %s: exit %d: %s", c.what, cmd.args[0], code, said)
			}
		}
		if _, err := os.Stat(target); err == nil {
			t.Errorf("%s: something was restored", c.what)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: discarding it left %v", c.what, left)
		}
	}
}
