package fusefs

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/restorefs/restorefs/fusefs/mountinfo"
)

const (
	fsName = "restorefs"
	fstype = "fuse.restorefs"
)

// MountInfo is a mount as the kernel's table has it.
type MountInfo mountinfo.Mount

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
	mounts, err := mountinfo.Read(mountinfo.Own)
	return asMountInfo(mounts, err)
}

func parseMountInfo(r io.Reader) ([]MountInfo, error) {
	mounts, err := mountinfo.Parse(r)
	return asMountInfo(mounts, err)
}

// asMountInfo takes a table as a whole or not at all: what is decided by it is
// what may be mounted over or written to.
func asMountInfo(table []mountinfo.Mount, err error) ([]MountInfo, error) {
	if err != nil {
		return nil, fmt.Errorf("list the mounts: %w", err)
	}
	mounts := make([]MountInfo, len(table))
	for i, m := range table {
		mounts[i] = MountInfo(m)
	}
	return mounts, nil
}

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
