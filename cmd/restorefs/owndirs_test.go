package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// A user who can write to a directory of restorefs could read and forge what is in it: caches, what
// a virtual machine wrote, notes that make --force unnecessary.
func TestDirectoriesThatOthersCanWriteToAreNotUsed(t *testing.T) {
	unwatched(t)
	if os.Geteuid() != 0 {
		skip(t, "needs root to give directories away")
	}
	share, ids := recordsShare(t)
	open := filepath.Join(t.TempDir(), "open")
	theirs := filepath.Join(t.TempDir(), "theirs")
	for dir, mode := range map[string]os.FileMode{open: 0o777 | os.ModeSticky, theirs: 0o755} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(theirs, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	mnt, target := t.TempDir(), filepath.Join(t.TempDir(), "disk.raw")
	for dir, why := range map[string]string{open: "all users can write to it (its mode is 1777",
		theirs: "it belongs to user nobody"} {
		for what, args := range map[string][]string{
			"--cache-dir": {"materialize", "--share", share, "--cache-dir", dir, ids[0],
				target},
			"--cache-dir of index": {"index", "--share", share, "--cache-dir", dir, ids[0]},
			"--overlay":            {"mount", "--share", share, "--overlay", dir, mnt},
			"--disk-cache":         {"mount", "--share", share, "--disk-cache", dir, mnt},
			"overlay list":         {"overlay", "list", dir},
			"overlay discard":      {"overlay", "discard", "--yes", dir},
			"show --overlay":       {"show", "--share", share, "--overlay", dir, ids[0]},
			"materialize --overlay": {"materialize", "--share", share, "--overlay", dir, ids[0],
				target},
		} {
			_, stderr, code := restorefs(t, args...)
			if code != exitcode.Failed || !containsAll(stderr,
				[]string{dir + " is not used", why}) {
				t.Errorf("%s %s: exit %d, %s", what, dir, code, stderr)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Fatalf("%s: left %v %v", what, left, err)
			}
		}
	}
	// A default directory that is not fit is not used.
	cmd := program(t, "materialize", "--share", share, ids[0], target)
	cmd.Env = append(cmd.Env, "XDG_CACHE_HOME="+open)
	made := filepath.Join(open, "restorefs")
	if err := os.Mkdir(made, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(made, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err != nil ||
		!strings.Contains(string(out), "indexes cannot be kept") {
		t.Errorf("%v %s", err, out)
	}
	if left, _ := os.ReadDir(made); len(left) > 0 {
		t.Error("left: ", left)
	}
}

// What a listing keeps is a help and no more.
func TestACacheThatCannotBeUsedIsNoErrorOfAList(t *testing.T) {
	share, ids := recordsShare(t)
	for name, cache := range map[string]string{
		"the default one is on the share": "XDG_CACHE_HOME=" + share,
		"the named one is on the share":   "RESTOREFS_CACHE_DIR=" + filepath.Join(share, "cache"),
		"it is a file":                    "RESTOREFS_CACHE_DIR=/dev/null",
	} {
		cmd := program(t, "list", "--share", share)
		cmd.Env = append(cmd.Env, cache)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), ids[0]) {
			t.Errorf("%s: %v %s", name, err, out)
		}
		for _, made := range []string{"restorefs", "cache"} {
			if _, err := os.Lstat(filepath.Join(share, made)); err == nil {
				t.Errorf("%s: %s is made on the share", name, made)
			}
		}
	}
}

func TestAGroupCanBeTrusted(t *testing.T) {
	unwatched(t)
	if os.Geteuid() != 0 {
		skip(t, "needs root to give directories away")
	}
	share, ids := recordsShare(t)
	dir := filepath.Join(t.TempDir(), "shared")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o770); err != nil {
		t.Fatal(err)
	}
	args := []string{"index", "--share", share, "--cache-dir", dir, ids[0]}
	if _, stderr, code := restorefs(t, args...); code != exitcode.Failed ||
		!strings.Contains(stderr, "--trust-group") {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	for _, group := range []string{"65534", "no-such-group", "0"} {
		_, stderr, code := restorefs(t, slices.Insert(slices.Clone(args), 1, "--trust-group",
			group)...)
		if (code == exitcode.Done) != (group == "65534") || code != exitcode.Done &&
			code != exitcode.Usage {
			t.Errorf("%s: exit %d, %s", group, code, stderr)
		}
	}
}

// A link in a directory of caches is not followed: index files would be made elsewhere, and files
// of others deleted there.
func TestALinkInTheCacheDirectoryIsNotFollowed(t *testing.T) {
	share, ids := recordsShare(t)
	dir, elsewhere := t.TempDir(), t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(dir, "index")); err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(elsewhere, "precious.idx")
	if err := os.WriteFile(precious, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := restorefs(t, "index", "--share", share, "--cache-dir", dir, ids[0])
	if code != exitcode.Failed || !strings.Contains(stderr, "a symbolic link, not a directory") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	if left, err := os.ReadDir(elsewhere); err != nil || len(left) != 1 {
		t.Error(left, err)
	}
}

// Any user can put a file beside a target in a directory that all can write to.
func TestNothingPlantedBesideATargetIsBelievedOrWaitedFor(t *testing.T) {
	unwatched(t)
	if os.Geteuid() != 0 {
		skip(t, "needs root to give files away")
	}
	share := t.TempDir()
	content := storetest.Random(4<<20, 1)
	b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("b"),
		VolumeID: storetest.ID("v"), Content: content})
	for what, plant := range map[string]func(note string) error{
		"FIFOs of both names of the note": func(note string) error {
			if err := unix.Mkfifo(note+".new", 0o666); err != nil {
				return err
			}
			return unix.Mkfifo(note, 0o666)
		},
		"a link to a file of the user's": func(note string) error {
			return os.Symlink("precious",
				note)
		},
		"a directory": func(note string) error { return os.Mkdir(note, 0o755) },
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			precious := filepath.Join(dir, "precious")
			if err := os.WriteFile(precious, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
			target := filepath.Join(dir, "q.raw")
			if err := plant(target + ".restorefs-partial"); err != nil {
				t.Fatal(err)
			}
			if _, stderr, code := restorefs(t, "materialize", "--share", share, b.ID,
				target); code != 0 || !strings.Contains(stderr,
				"no marker of this restore can be written") {
				t.Errorf("exit %d, %s", code, stderr)
			}
			if text, err := os.ReadFile(precious); err != nil || string(text) != "precious" {
				t.Errorf("%q %v", text, err)
			}
			if _, err := os.Lstat(target + ".restorefs-partial"); err != nil {
				t.Error("what was planted is gone: ", err)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".restorefs-*")); len(left) > 0 {
				t.Error("left behind: ", left)
			}
		})
	}
}
