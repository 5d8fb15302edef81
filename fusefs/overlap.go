package fusefs

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// ErrOverlap: the mountpoint covers a directory that serving needs, or lies in it.
var ErrOverlap = errors.New("the mountpoint overlaps a directory that restorefs reads")

// checkOverlap refuses a mountpoint within one of the directories, and one
// that one of them is within: serving would wait for itself, or for what it
// hides. Directories are compared by their resolved paths, and by device and
// path inside the file system, which sees through bind mounts.
func checkOverlap(mounts []MountInfo, mountpoint string, avoid []string) error {
	for _, dir := range avoid {
		resolved, err := resolve(dir)
		if err != nil {
			return fmt.Errorf("compare the mountpoint with %s: %w", dir, err)
		}
		if overlap(mountpoint, resolved) || overlapOnDevice(mounts, mountpoint, resolved) {
			return fmt.Errorf("%w: %s and %s; choose a mountpoint apart from it", ErrOverlap, mountpoint, dir)
		}
	}
	return nil
}

func overlap(a, b string) bool { return within(a, b) || within(b, a) }

func overlapOnDevice(mounts []MountInfo, a, b string) bool {
	deviceA, pathA := location(mounts, a)
	deviceB, pathB := location(mounts, b)
	return deviceA != "" && deviceA == deviceB && overlap(pathA, pathB)
}

// location returns the device that a resolved path is on, and its path from
// the root of the file system there.
func location(mounts []MountInfo, path string) (device, inside string) {
	m := mountOf(mounts, path)
	if m == nil {
		return "", ""
	}
	rel, err := filepath.Rel(m.Mountpoint, path)
	if err != nil {
		return "", ""
	}
	return m.Device, filepath.Join(m.Root, rel)
}

// resolve returns path absolute and without symbolic links, as far as it
// exists: a cache directory may not have been made yet.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) || path == "/" {
		return resolved, err
	}
	parent, err := resolve(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	return filepath.Join(parent, filepath.Base(path)), nil
}
