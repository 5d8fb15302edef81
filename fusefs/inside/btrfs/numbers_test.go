package btrfs

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

func isCorrupt(err error) bool {
	var c *CorruptError
	return errors.As(err, &c)
}

// Who has a number may ask for it after the file system was opened again.
func TestNumbersDoNotDependOnWhatIsMetFirst(t *testing.T) {
	image := sample(t, 0)
	paths := []string{"sub/within", "sub/nested/deep", "snapshot/within", "tiny.txt"}
	numbers := func(paths []string) map[string]uint64 {
		f, out := openBytes(t, image), map[string]uint64{}
		for _, path := range paths {
			ino := f.Root()
			for _, name := range strings.Split(path, "/") {
				var err error
				ino, err = f.Lookup(ino, name)
				guest.Must(t, err)
			}
			out[path] = ino
		}
		return out
	}
	first := numbers(paths)
	slices.Reverse(paths)
	f := openBytes(t, image)
	for path, ino := range numbers(paths) {
		if first[path] != ino {
			t.Errorf("%s: %#x, and in another order %#x", path, first[path], ino)
		}
		if _, err := f.Open(ino); err != nil {
			t.Errorf("%s by its number alone: %v", path, err)
		}
	}
}

func TestTheDirectoriesInPlaceOfSubvolumesDiffer(t *testing.T) {
	f := openBytes(t, sample(t, 0))
	s, err := f.subvolume(topLevel)
	guest.Must(t, err)
	known := map[uint64]bool{}
	for _, id := range []uint64{9000, 9001, maxSubvolume - 1} {
		ino, err := f.below(s, dirEntry{location: key{id, kindRoot, maxOffset}})
		guest.Must(t, err)
		at, err := f.Stat(ino)
		guest.Must(t, err)
		guest.Must(t, f.ReadDir(ino, func(Dirent) error { return errors.New("it is not empty") }))
		if known[ino] || at.Mode&typeMask != modeDir {
			t.Errorf("%d: %#x, %+v", id, ino, at)
		}
		known[ino] = true
	}
	_, err = f.below(s, dirEntry{location: key{maxSubvolume, kindRoot, 0}})
	if !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
	_, err = f.below(s, dirEntry{location: key{emptyDir | 9000, kindInode, 0}})
	if !isCorrupt(err) {
		t.Error(err)
	}
}

func TestADefaultSubvolumeThatCannotBeReadIsTold(t *testing.T) {
	f := openBytes(t, sample(t, 0))
	f.super.root.logical = 1 << 61
	guest.Must(t, f.openRoot())
	if notes := f.Info().Notes; len(notes) != 1 || !strings.Contains(notes[0], "cannot be read") {
		t.Errorf("%q", notes)
	}
}
