package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cmd/exitcode"
)

// The share is never written, whatever the name by which a command is told to.
func TestNothingIsWrittenToTheShareByAnyName(t *testing.T) {
	unwatched(t)
	if os.Geteuid() != 0 {
		skip(t, "needs root to mount")
	}
	share, ids := recordsShare(t)
	base := t.TempDir()
	bind, part := filepath.Join(base, "bind"), filepath.Join(base, "part")
	link, dangling := filepath.Join(base, "link"), filepath.Join(base, "dangling")
	mnt, elsewhere := filepath.Join(base, "mnt"), filepath.Join(base, "elsewhere")
	for _, dir := range []string{bind, part, mnt, elsewhere, filepath.Join(share, "extra")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{link: bind, dangling: filepath.Join(bind, "new.raw")} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	for point, dir := range map[string]string{bind: share, part: filepath.Join(share, "extra")} {
		if err := unix.Mount(dir, point, "", unix.MS_BIND, ""); err != nil {
			skip(t, "cannot mount: %v", err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(point, 0); err != nil {
				t.Error(err)
			}
		})
	}
	object := filepath.Join(share, "extra", "object")
	if err := os.WriteFile(object, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(elsewhere, "other-name")
	if err := os.Link(object, other); err != nil {
		t.Fatal(err)
	}
	before := treeOf(t, share)
	apart := filepath.Join(elsewhere, "disk.raw")
	for what, args := range map[string][]string{
		"a target through a bind mount": {"materialize", ids[0],
			filepath.Join(bind, "disk.raw")},
		"a target through a bind mount of a part": {"materialize", ids[0],
			filepath.Join(part, "disk.raw")},
		"a target through a symbolic link": {"materialize", ids[0],
			filepath.Join(link, "disk.raw")},
		"a target that is a link to a file to be made": {"materialize", ids[0], dangling},
		"a target that is another name of an object": {"materialize", "--force", ids[0],
			other},
		"a qcow2 through a bind mount": {"materialize", "--format", "qcow2",
			ids[0], filepath.Join(bind, "disk.qcow2")},
		"--metadata-out": {"materialize", "--metadata-out",
			filepath.Join(bind, "m.json"), ids[0], apart},
		"the cache directory of materialize": {"materialize", "--cache-dir",
			filepath.Join(bind, "cache"), ids[0], apart},
		"the cache directory of index": {"index", "--cache-dir",
			filepath.Join(part, "cache"), ids[0]},
		"the overlay of a mount": {"mount", "--overlay",
			filepath.Join(bind, "overlay"), mnt},
		"the disk cache of a mount": {"mount", "--disk-cache",
			filepath.Join(bind, "kept"), mnt},
		"the log file of a mount": {"mount", "--log-file",
			filepath.Join(bind, "log"), mnt},
		"the log file of a mount in the background": {"mount", "--daemon", "--log-file",
			filepath.Join(bind, "log"), mnt},
		"the log file, a link to one that is not there": {"mount", "--log-file", dangling, mnt},
		"the overlay of a mount, in a directory not made": {"mount", "--overlay",
			filepath.Join(part, "a", "b"), mnt},
	} {
		_, stderr, code := restorefs(t, slices.Insert(args, 1, "--share", share)...)
		if want := []string{"is on the share",
			"to which nothing is ever written"}; code != exitcode.Usage ||
			!containsAll(stderr, want) {
			t.Errorf("%s: exit %d, %s", what, code, stderr)
		}
	}
	if after := treeOf(t, share); after != before {
		t.Errorf("the share was\n%s\nand is\n%s", before, after)
	}
	if _, err := os.Stat(apart); err == nil {
		t.Error("a target was written all the same")
	}
}

func TestALoopDeviceOnTheShareIsNoTarget(t *testing.T) {
	if os.Geteuid() != 0 {
		skip(t, "needs root for loop devices")
	}
	share, ids := recordsShare(t)
	file := filepath.Join(share, "disk")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, 2<<30); err != nil {
		t.Fatal(err)
	}
	loop := strings.TrimSpace(run(t, "losetup", "-f", "--show", file))
	defer run(t, "losetup", "-d", loop)
	_, stderr, code := restorefs(t, "materialize", "--yes", "--share", share, ids[0], loop)
	if code != exitcode.Usage || !containsAll(stderr, []string{"is on the share",
		"a loop device on " + file}) {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// A directory that a mount writes must not lie below its mountpoint. It is not made either, because
// the mountpoint could then not be used.
func TestNothingIsMadeInTheMountpoint(t *testing.T) {
	unwatched(t)
	needMount(t)
	share, _ := recordsShare(t)
	for _, flag := range []string{"--overlay", "--disk-cache", "--cache-dir", "--log-file"} {
		mnt := t.TempDir()
		_, stderr, code := restorefs(t, "mount", "--share", share, flag, filepath.Join(mnt, "dir"),
			mnt)
		left, err := os.ReadDir(mnt)
		if code == 0 || !strings.Contains(stderr, "overlaps") || len(left) > 0 || err != nil {
			t.Errorf("%s: exit %d, %s; %v %v", flag, code, stderr, left, err)
		}
	}
}

func containsAll(text string, parts []string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool {
		return !strings.Contains(text,
			part)
	})
}

// treeOf lists what is below a directory, with sizes and times of change.
func treeOf(t *testing.T, dir string) string {
	t.Helper()
	return run(t, "find", dir, "-printf", "%P %s %C@\n")
}
