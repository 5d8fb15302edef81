package btrfs

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// changed opens a file for changing it.
func changed(t *testing.T, path string) *os.File {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	guest.Must(t, err)
	t.Cleanup(func() { file.Close() })
	return file
}

// tree makes a directory to fill file systems with, which needs no mount.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	guest.Write(t, filepath.Join(dir, "big"), bytes.Repeat([]byte("big "), 50_000))
	guest.Write(t, filepath.Join(dir, "small"), []byte("small"))
	guest.Must(t, os.Symlink("small", filepath.Join(dir, "link")))
	return dir
}

func TestTheSecondCopiesAreUsed(t *testing.T) {
	image := mkfs(t, 200, "-m", "dup", "-d", "dup", "--rootdir", tree(t))
	f := opened(t, image)
	want := ownView(f)
	file := changed(t, image)
	spoil := func(logical uint64, n, of int) {
		c, in, err := f.chunkAt(logical)
		guest.Must(t, err)
		if len(c.copies) != 2 {
			t.Fatalf("what has the address %d has %d copies", logical, len(c.copies))
		}
		_, err = file.WriteAt(bytes.Repeat([]byte("?"), n), c.copies[of]+in)
		guest.Must(t, err)
	}
	ino, err := f.Lookup(f.Root(), "big")
	guest.Must(t, err)
	big, err := f.Open(ino)
	guest.Must(t, err)
	e, err := big.extentAt(0)
	guest.Must(t, err)
	spoil(e.logical, 4096, 0)
	spoil(e.logical+8192, 4096, 1) // neither copy is right as a whole
	for _, c := range f.cache {
		if c.node != nil {
			spoil(c.logical, int(f.super.node), 0)
		}
	}
	_, err = file.WriteAt(make([]byte, superBytes), superPlaces[0])
	guest.Must(t, err)
	f = opened(t, image)
	ownView(f).Compare(t, want)
	if notes := f.Info().Notes; len(notes) != 1 || !strings.Contains(notes[0], "a copy was used") {
		t.Errorf("%q", notes)
	}
}

func TestContentsThatDifferFromTheirChecksumAreAnError(t *testing.T) {
	image := mkfs(t, 200, "-m", "single", "-d", "single", "--rootdir", tree(t))
	f := opened(t, image)
	ino, err := f.Lookup(f.Root(), "big")
	guest.Must(t, err)
	big, err := f.Open(ino)
	guest.Must(t, err)
	e, err := big.extentAt(0)
	guest.Must(t, err)
	c, in, err := f.chunkAt(e.logical)
	guest.Must(t, err)
	_, err = changed(t, image).WriteAt([]byte("?"), c.copies[0]+in+4096)
	guest.Must(t, err)
	p := make([]byte, 4096)
	if _, err := big.ReadAt(p, 0); err != nil {
		t.Errorf("the block before: %v", err)
	}
	if _, err := big.ReadAt(p[:1], 8000); !errors.Is(err, errChecksum) {
		t.Errorf("%v", err)
	}
}

func TestOneOfTwoDisks(t *testing.T) {
	needMount(t)
	for profile, whole := range map[string]bool{"raid1": true, "raid0": false} {
		images := []string{filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")}
		var loops []string
		for _, image := range images {
			guest.Write(t, image, nil)
			guest.Must(t, os.Truncate(image, 300<<20))
			loop := strings.TrimSpace(guest.Command(t, "losetup", "-f", "--show", image))
			defer guest.Command(t, "losetup", "-d", loop)
			loops = append(loops, loop)
		}
		guest.Command(t, "mkfs.btrfs", "-q", "-f", "-m", "raid1", "-d", profile, loops[0], loops[1])
		root := t.TempDir()
		options := "device=" + loops[0] + ",device=" + loops[1]
		guest.Command(t, "mount", "-t", "btrfs", "-o", options, loops[0], root)
		guest.Command(t, "cp", "-r", tree(t)+"/.", root)
		guest.Unmount(t, root)
		for _, image := range images {
			f := opened(t, image)
			v := ownView(f)
			if err := v["big"]["error"]; (err == "") != whole || !whole && !strings.Contains(err, "several disks") {
				t.Errorf("%s: %q", profile, err)
			}
			if v["link"]["target"] != "small" || len(f.Info().Notes) != 1 {
				t.Errorf("%s: %v, %q", profile, v["link"], f.Info().Notes)
			}
		}
	}
}

func TestWhatIsInTheLogTreeIsTold(t *testing.T) {
	needMount(t)
	image := mkfs(t, 120)
	copied := image + "-copied"
	mounted(t, image, "", func(root string) {
		guest.Write(t, filepath.Join(root, "before"), []byte("before"))
		guest.Command(t, "btrfs", "filesystem", "sync", root)
		path := filepath.Join(root, "late")
		guest.Write(t, path, []byte("late"))
		file := changed(t, path)
		guest.Must(t, file.Sync())
		guest.Must(t, file.Close())
		guest.CopyFile(t, image, copied)
	})
	f := opened(t, copied)
	if j := f.Info().Journal; !strings.HasPrefix(j, "not replayed: ") {
		t.Error(j)
	}
	if _, err := f.Lookup(f.Root(), "before"); err != nil {
		t.Error(err)
	}
	if _, err := f.Lookup(f.Root(), "late"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestTheDefaultSubvolumeIsTheRoot(t *testing.T) {
	needMount(t)
	image := mkfs(t, 120)
	mounted(t, image, "", func(root string) {
		for _, name := range []string{"@", "@home"} {
			guest.Command(t, "btrfs", "-q", "subvolume", "create", filepath.Join(root, name))
			guest.Write(t, filepath.Join(root, name, "in "+name), nil)
		}
		guest.Command(t, "btrfs", "subvolume", "set-default", filepath.Join(root, "@"))
	})
	f := opened(t, image)
	if notes := f.Info().Notes; len(notes) != 1 || !strings.Contains(notes[0], "default subvolume") {
		t.Errorf("%q", notes)
	}
	v := ownView(f)
	if len(v) != 2 || v["in @"] == nil {
		t.Errorf("%v", v)
	}
	home, err := f.Lookup(f.Root(), "@home")
	guest.Must(t, err)
	if _, err := f.Lookup(home, "in @home"); err != nil {
		t.Error(err)
	}
}
