//go:build testarch

package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// The other processors whose programs are tried, and the emulators that run these. s390x is
// big-endian.
var emulators = map[string]string{"s390x": "qemu-s390x-static", "arm64": "qemu-aarch64-static"}

// TestOtherProcessorsRestoreTheSame runs in "make test-arch". The programs of all processors
// restore a chain in all four formats, with the indexes that each of them has made and with the
// overlay that this one has written.
func TestOtherProcessorsRestoreTheSame(t *testing.T) {
	share, list := storetest.Fixtures(t)
	wholeSeconds(t, share)
	dir := t.TempDir()
	programs := map[string][]string{"here": {os.Args[0]}}
	for arch, emulator := range emulators {
		need(t, emulator)
		path := filepath.Join(dir, "restorefs-"+arch)
		build := exec.Command("go", "build", "-o", path, ".")
		build.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build for %s: %v\n%s", arch, err, out)
		}
		programs[arch] = []string{emulator, path}
	}
	on := func(name string, args ...string) string { // returns its standard output
		t.Helper()
		cmd := exec.CommandContext(t.Context(), programs[name][0], append(programs[name][1:len(programs[name]):len(programs[name])], args...)...)
		cmd.Env = append(os.Environ(), "RESTOREFS_TEST_MAIN=1", "XDG_CACHE_HOME="+t.TempDir(), "XDG_STATE_HOME="+t.TempDir())
		var out, errOut bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errOut
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: restorefs %s: %v\n%s", name, strings.Join(args, " "), err, errOut.String())
		}
		return out.String()
	}

	backups := map[string]storetest.Fixture{}
	for _, label := range []string{"full zlib", "full bz2", "full zstd", "full none", "chain 3"} {
		backups[label] = storetest.Find(t, list, label)
	}
	for name := range programs {
		for label, f := range backups {
			target := filepath.Join(dir, "disk.raw")
			on(name, "materialize", "--share", share, "--yes", f.ID, target)
			if sum := sumOf(t, target); sum != f.SHA256Padded {
				t.Errorf("%s: %s has the digest %s, not %s", name, label, sum, f.SHA256Padded)
			}
			on(name, "verify", "--share", share, f.ID)
			if err := os.Remove(target); err != nil {
				t.Fatal(err)
			}
		}
	}

	indexesOfOthersAreUsed(t, programs, on)

	// An overlay that was written here is restored there.
	if err := os.Mkdir(filepath.Join(dir, "overlay"), 0o700); err != nil {
		t.Fatal(err)
	}
	mountpoint, server := mountShare(t, share, "--overlay", filepath.Join(dir, "overlay"))
	chain := backups["chain 3"]
	disk, err := os.OpenFile(filepath.Join(mountpoint, "backups", chain.ID, "volume.raw"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(40) {
		if _, err := disk.WriteAt([]byte(fmt.Sprintf("written %d", i)), i*98765); err != nil {
			t.Fatal(err)
		}
	}
	if err := disk.Close(); err != nil {
		t.Fatal(err)
	}
	if err := server.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for name := range programs {
		target := filepath.Join(dir, name+".raw")
		on(name, "materialize", "--share", share, "--yes", "--overlay", filepath.Join(dir, "overlay"), chain.ID, target)
		sums[name] = sumOf(t, target)
		if sums[name] == chain.SHA256Padded {
			t.Errorf("%s: nothing of the overlay was restored", name)
		}
	}
	for name, sum := range sums {
		if sum != sums["here"] {
			t.Errorf("%s restores an overlay to %s, here it is %s", name, sum, sums["here"])
		}
	}
}

// wholeSeconds gives all files below dir a time without nanoseconds. From qemu 7.2 a program of
// s390x gets none by fstat(2) but does by newfstatat(2), so each file would look changed once it is
// open.
func wholeSeconds(t *testing.T, dir string) {
	t.Helper()
	whole := time.Date(2026, 1, 6, 0, 0, 0, 0, time.UTC)
	if err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chtimes(path, whole, whole))
	}); err != nil {
		t.Fatal(err)
	}
}

// indexesOfOthersAreUsed restores, with the program of each processor, using the indexes made by
// each of them. No program must make or doubt one.
func indexesOfOthersAreUsed(t *testing.T, programs map[string][]string, on func(name string, args ...string) string) {
	t.Helper()
	share, dir := t.TempDir(), t.TempDir()
	want := make([]byte, 6<<20)
	if _, err := storetest.Disk(int64(len(want)), 1).ReadAt(want, 0); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, compression := range []string{"zlib", "zstd"} {
		ids = append(ids, storetest.MustWrite(t, share, storetest.Spec{
			ID: storetest.ID(compression), VolumeID: storetest.ID("of " + compression), Content: storetest.Bytes(want), Compression: compression,
		}).ID)
	}
	wholeSeconds(t, share)
	for maker := range programs {
		made := filepath.Join(dir, maker)
		// What is remembered of the share beside them is judged anew by each build of the program.
		indexes := filepath.Join(made, "index")
		on(maker, "index", "--share", share, "--cache-dir", made, "--all")
		before := allFiles(t, indexes)
		if len(before) < len(ids) {
			t.Fatalf("%s: indexes: %v", maker, before)
		}
		for user := range programs {
			for _, id := range ids {
				target := filepath.Join(dir, "disk.raw")
				on(user, "materialize", "--share", share, "--cache-dir", made, "--yes", id, target)
				if got := make([]byte, len(want)); !bytes.Equal(readStart(t, target, got), want) {
					t.Errorf("%s, with the indexes of %s: %s has other bytes", user, maker, id)
				}
				if err := os.Remove(target); err != nil {
					t.Fatal(err)
				}
			}
			on(user, "index", "--share", share, "--cache-dir", made, "--all")
			if after := allFiles(t, indexes); !maps.Equal(before, after) {
				t.Errorf("%s does not leave the indexes of %s as they are:\n%v\n%v", user, maker, before, after)
			}
		}
	}
}

// readStart fills p with the first bytes of a file.
func readStart(t *testing.T, path string, p []byte) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.ReadFull(f, p); err != nil {
		t.Fatal(err)
	}
	return p
}

// allFiles returns the digests of all files below dir that are not empty.
func allFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	if err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		if i, err := e.Info(); err != nil || i.Size() > 0 {
			all[path] = sumOf(t, path)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func sumOf(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
