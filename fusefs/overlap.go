package fusefs

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrOverlap means that the mountpoint covers a directory that the server needs, or lies in it.
var ErrOverlap = errors.New("the mountpoint overlaps a directory that restorefs reads")

// CheckMountpoint is the check of Options.Avoid alone, before anything is made in those
// directories: ErrOverlap. Mount checks whether the mountpoint exists and can be used.
func CheckMountpoint(mountpoint string, avoid []string) error {
	mounts, err := readMountInfo()
	if err != nil {
		return err
	}
	path, err := resolveMountpoint(mounts, mountpoint)
	if err != nil {
		return nil
	}
	if err := checkOverlap(mounts, path, avoid); err != nil {
		return fmt.Errorf("mount on %s: %w", mountpoint, err)
	}
	return nil
}

// checkOverlap refuses a mountpoint that lies in one of the directories or contains one: the server
// would wait for itself, or could not reach what the mount hides.
func checkOverlap(mounts []MountInfo, mountpoint string, avoid []string) error {
	for _, dir := range avoid {
		resolved, err := resolve(dir)
		if err != nil {
			return fmt.Errorf("compare the mountpoint with %s: %w", dir, err)
		}
		if liesIn(mounts, mountpoint, resolved) || liesIn(mounts, resolved, mountpoint) {
			return fmt.Errorf("%w: %s and %s; choose a mountpoint apart from it", ErrOverlap,
				mountpoint, dir)
		}
	}
	return nil
}

// CheckApart is the check of Mount that the mountpoint and the directories of
// Options.Avoid do not overlap, for use before any of those is made.
func CheckApart(mountpoint string, avoid []string) error {
	mounts, err := readMountInfo()
	if err != nil {
		return err
	}
	path, err := resolveMountpoint(mounts, mountpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return noMountpoint(mountpoint)
	}
	if err != nil {
		return err
	}
	return checkOverlap(mounts, path, avoid)
}

// Inside reports whether path is dir or lies in it, by whatever name: through
// symbolic links, bind mounts, another mount of the same file system or of the
// same NFS export. path need not exist; a final symbolic link is followed. The
// error is an *fs.PathError where a path cannot be resolved.
func Inside(path, dir string) (bool, error) {
	mounts, err := readMountInfo()
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // without /proc, inodes still tell
		return false, err
	}
	path, err = resolve(path)
	if err == nil {
		dir, err = resolve(dir)
	}
	if err != nil {
		return false, err
	}
	return liesIn(mounts, path, dir) || below(path, dir), nil
}

// InsideExport is Inside for an NFS export, written HOST:/DIRECTORY, that need not be mounted here.
func InsideExport(path, export string) (bool, error) {
	mounts, err := readMountInfo()
	if err != nil {
		return false, err
	}
	if path, err = resolve(path); err != nil {
		return false, err
	}
	host, dir, ok := splitExport(export)
	return ok && lieWithin(locations(mounts, path), []location{{"nfs " + host, dir}}), nil
}

// liesIn compares resolved paths: their names, and where they lie.
func liesIn(mounts []MountInfo, path, dir string) bool {
	return within(path, dir) || lieWithin(locations(mounts, path), locations(mounts, dir))
}

// below compares the directories above a resolved path with dir by device and inode, for when
// mountinfo does not tell all, as in a chroot.
func below(path, dir string) bool {
	want, err := os.Stat(dir)
	if err != nil {
		return false
	}
	for ; ; path = filepath.Dir(path) {
		if is, err := os.Stat(path); err == nil && os.SameFile(is, want) {
			return true
		}
		if path == "/" {
			return false
		}
	}
}

// location is a path inside a file system. It does not depend on where that is mounted.
type location struct {
	fs   string // MAJOR:MINOR, or "nfs HOST"
	path string // from the root of fs; with NFS from the root of the server
}

func lieWithin(a, b []location) bool {
	return slices.ContainsFunc(a, func(a location) bool {
		return slices.ContainsFunc(b,
			func(b location) bool { return a.fs == b.fs && within(a.path, b.path) })
	})
}

// locations returns where a resolved path lies: by device and, with NFS, where each mount may have
// a device of its own, also by the server's name and address.
func locations(mounts []MountInfo, path string) []location {
	m := mountOf(mounts, path)
	if m == nil {
		return nil
	}
	rel, err := filepath.Rel(m.Mountpoint, path)
	if err != nil {
		return nil
	}
	inside := filepath.Join(m.Root, rel)
	found := []location{{m.Device, inside}}
	if m.Type != "nfs" && m.Type != "nfs4" {
		return found
	}
	host, dir, ok := splitExport(m.Source)
	if !ok {
		return found
	}
	at := filepath.Join(dir, inside)
	found = append(found, location{"nfs " + host, at})
	for option := range strings.SplitSeq(m.Super, ",") {
		if addr, ok := strings.CutPrefix(option, "addr="); ok {
			found = append(found, location{"nfs " + plainHost(addr), at})
		}
	}
	return found
}

// splitExport splits HOST:/DIRECTORY and normalises the host.
func splitExport(s string) (host, dir string, ok bool) {
	i := strings.Index(s, ":/")
	if i <= 0 {
		return "", "", false
	}
	return plainHost(s[:i]), filepath.Clean(s[i+1:]), true
}

func plainHost(host string) string {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// resolve makes path absolute and resolves symbolic links, as far as path exists: a cache directory
// may not have been made yet. A dangling link is resolved to what would be created through it.
func resolve(path string) (string, error) {
	const most = 40 // links, as in the kernel
	return resolveLinks(path, most)
}

func resolveLinks(path string, most int) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(path)
	if _, named := errors.AsType[*fs.PathError](err); err != nil && !named {
		err = &fs.PathError{Op: "resolve", Path: path, Err: err}
	}
	if !errors.Is(err, fs.ErrNotExist) || path == "/" {
		return resolved, err
	}
	parent, err := resolveLinks(filepath.Dir(path), most)
	if err != nil {
		return "", err
	}
	path = filepath.Join(parent, filepath.Base(path))
	to, err := os.Readlink(path)
	if err != nil || most == 0 {
		return path, nil
	}
	if !filepath.IsAbs(to) {
		to = filepath.Join(parent, to)
	}
	return resolveLinks(to, most-1)
}
