package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// The share and the target are on one XFS.
func TestReflinkSharesBlocksAndTrustsNone(t *testing.T) {
	firstPass(t)
	needMount(t)
	need(t, "losetup", "mount", "umount", "mkfs.xfs", "filefrag", "cmp")
	dir := t.TempDir()
	image, xfs := filepath.Join(dir, "image"), filepath.Join(dir, "xfs")
	run(t, "truncate", "-s", "400M", image)
	run(t, "mkfs.xfs", "-q", image)
	run(t, "mkdir", xfs)
	run(t, "mount", "-o", "loop", image, xfs)
	t.Cleanup(func() { run(t, "umount", xfs) })
	share := filepath.Join(xfs, "share")
	run(t, "mkdir", share)

	const size = 20 << 20
	volume := storetest.ID("reflink")
	old := storetest.Text(size, 1)
	full := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("stored"), VolumeID: volume, Content: old, FileSize: 4 << 20, Compression: "none"})
	storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("twin"), VolumeID: volume, Content: old, FileSize: 4 << 20})
	newer := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("changed"), VolumeID: volume, ParentID: full.ID, Parent: old, FileSize: 4 << 20,
		Content: storetest.Overlay(old, storetest.Text(size, 2), storetest.Extent{Offset: 5 << 20, Length: 3 << 20})})
	restore := func(b storetest.Backup, name string, flags ...string) (target, output string) {
		t.Helper()
		target = filepath.Join(xfs, name)
		stdout, stderr, code := restorefs(t, append([]string{"materialize", "--share", share, b.ID, target}, flags...)...)
		if code != 0 {
			t.Fatalf("exit %d: %s", code, stderr)
		}
		return target, stdout + stderr
	}
	for _, b := range []storetest.Backup{full, newer} {
		read, _ := restore(b, b.ID+".read")
		shared, _ := restore(b, b.ID+".shared", "--reflink")
		run(t, "cmp", read, shared)
		if out := run(t, "filefrag", "-v", read); strings.Contains(out, "shared") {
			t.Errorf("shared, and nobody asked for it: %s", out)
		}
		if out := run(t, "filefrag", "-v", shared); !strings.Contains(out, "shared") {
			t.Errorf("nothing is shared: %s", out)
		}
	}

	// What the kernel would copy is damaged; the twin has the right bytes.
	object := full.Path("-00001")
	p, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	p[1<<20+5] ^= 1
	if err := os.WriteFile(object, p, 0o600); err != nil {
		t.Fatal(err)
	}
	healed, output := restore(full, "healed", "--reflink")
	run(t, "cmp", healed, filepath.Join(xfs, full.ID+".read"))
	if !strings.Contains(output, "1 damaged range taken from other backups") {
		t.Errorf("%s", output)
	}

	for _, flags := range [][]string{{"--salvage=keep"}, {"--overlay", t.TempDir()}, {"--format", "qcow2"}} {
		target := filepath.Join(dir, "refused")
		_, stderr, code := restorefs(t, append([]string{"materialize", "--share", share, "--reflink", full.ID, target}, flags...)...)
		if _, err := os.Stat(target); code != exitcode.Usage || !strings.Contains(stderr, "--reflink does not go with") || err == nil {
			t.Errorf("%v: exit %d, %v: %s", flags, code, err, stderr)
		}
	}
}
