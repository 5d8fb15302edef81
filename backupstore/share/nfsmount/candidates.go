package nfsmount

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/fusefs/mountinfo"
)

// visible leaves out hidden mounts: of several on one mountpoint only the last
// can be seen.
func visible(mounts []mountinfo.Mount) []mountinfo.Mount {
	last := map[string]int{}
	for i, m := range mounts {
		last[m.Mountpoint] = i
	}
	var seen []mountinfo.Mount
	for i, m := range mounts {
		if last[m.Mountpoint] == i {
			seen = append(seen, m)
		}
	}
	return seen
}

// candidate is a directory in which an export may be seen.
type candidate struct {
	mount mountinfo.Mount
	dir   string // the mount's point or below it
}

// candidates returns the directories in which e should be visible, the best
// first: a mount on own (where Cinder mounts it, "" if that is not known), then
// mounts of e itself, then mounts of a directory above e, the nearest first.
func candidates(mounts []mountinfo.Mount, e Export, own string) []candidate {
	var first, exact, above []candidate
	for _, m := range mounts {
		if own != "" && m.Mountpoint == path.Clean(own) {
			first = append(first, candidate{m, m.Mountpoint})
			continue
		}
		if m.Type != "nfs" && m.Type != "nfs4" {
			continue
		}
		of, err := ParseExport(m.Source)
		if err != nil || of.Host != e.Host && !hasAddress(m, e.Host) {
			continue
		}
		// For a bind mount of a directory inside the export, Root is that
		// directory's path.
		at := path.Join(of.Path, m.Root)
		switch rest, below := strings.CutPrefix(e.Path, strings.TrimSuffix(at, "/")+"/"); {
		case at == e.Path:
			exact = append(exact, candidate{m, m.Mountpoint})
		case below:
			above = append(above, candidate{m, path.Join(m.Mountpoint, rest)})
		}
	}
	slices.SortStableFunc(above,
		func(a, b candidate) int { return cmp.Compare(a.depth(), b.depth()) })
	return slices.Concat(first, exact, above)
}

// Places returns the directories in which an export should be visible, the best first, by the
// kernel's table alone: none of them is looked at. own is where Cinder mounts it, "" if that is not
// known.
func Places(e Export, own string) (dirs []string) {
	mounts, _ := mountinfo.Read(mountinfo.Own) // those that could be read
	for _, c := range candidates(visible(mounts), e, own) {
		dirs = append(dirs, c.dir)
	}
	return dirs
}

// depth is the number of levels of the directory below its mount.
func (c candidate) depth() int {
	return strings.Count(strings.TrimPrefix(c.dir, c.mount.Mountpoint), "/")
}

// hasAddress reports whether host is the address of the mount's server.
func hasAddress(m mountinfo.Mount, host string) bool {
	for option := range strings.SplitSeq(m.Super, ",") {
		if a, ok := strings.CutPrefix(option, "addr="); ok && canonicalHost(a) == host {
			return true
		}
	}
	return false
}
