package fusefs

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const (
	fsName   = "restorefs"
	fstype   = "fuse.restorefs"
	infoPath = "/proc/self/mountinfo"
)

// MountInfo is one line of /proc/self/mountinfo; see proc_pid_mountinfo(5).
type MountInfo struct {
	ID         string // of the mount, unique while it exists
	Device     string // MAJOR:MINOR of the file system
	Root       string // the directory of the file system that is mounted
	Mountpoint string
	Options    string // of the mount, comma separated
	Type       string
	Source     string
	Super      string // options of the file system
}

// Mounts lists the restorefs mounts of this mount namespace, dead ones
// included. It touches none of them.
func Mounts() ([]MountInfo, error) {
	all, err := readMountInfo()
	if err != nil {
		return nil, err
	}
	var own []MountInfo
	for _, m := range all {
		if m.Type == fstype {
			own = append(own, m)
		}
	}
	return own, nil
}

func readMountInfo() ([]MountInfo, error) {
	f, err := os.Open(infoPath)
	if err != nil {
		return nil, fmt.Errorf("list the mounts: %w", err)
	}
	defer f.Close()
	mounts, err := parseMountInfo(f)
	if err != nil {
		return nil, fmt.Errorf("list the mounts: %w", err)
	}
	return mounts, nil
}

func parseMountInfo(r io.Reader) ([]MountInfo, error) {
	var mounts []MountInfo
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // overlay file systems have long option lists
	for lines.Scan() {
		// ID PARENT MAJ:MIN ROOT POINT OPTIONS [TAG:VALUE]... - TYPE SOURCE SUPER
		front, back, ok := strings.Cut(lines.Text(), " - ")
		f, b := strings.Split(front, " "), strings.Split(back, " ")
		if !ok || len(f) < 6 || len(b) < 3 {
			return nil, fmt.Errorf("%s has a line of unknown form: %q", infoPath, lines.Text())
		}
		mounts = append(mounts, MountInfo{
			ID: f[0], Device: f[2], Root: unescape(f[3]), Mountpoint: unescape(f[4]), Options: f[5],
			Type: unescape(b[0]), Source: unescape(b[1]), Super: b[2],
		})
	}
	return mounts, lines.Err()
}

var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\043`, "#", `\134`, `\`).Replace

// mountAt returns the mount on top at a resolved path, nil when it is no mountpoint.
func mountAt(mounts []MountInfo, path string) *MountInfo {
	for i := len(mounts) - 1; i >= 0; i-- {
		if mounts[i].Mountpoint == path {
			return &mounts[i]
		}
	}
	return nil
}

// mountOf returns the mount that a resolved path is on.
func mountOf(mounts []MountInfo, path string) *MountInfo {
	for ; ; path = filepath.Dir(path) {
		if m := mountAt(mounts, path); m != nil || path == "/" {
			return m
		}
	}
}

// within says whether a clean absolute path is dir or below it.
func within(path, dir string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, dir+"/")
}
