package nfsmount

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"
)

// mount is a line of mountinfo.
type mount struct {
	device     string // major:minor
	root       string // what of the file system is mounted
	point      string
	fsType     string
	source     string
	superFlags string // options of the file system, comma-separated
}

// parseMounts reads /proc/self/mountinfo. Of mounts on one point only the last,
// which hides the others, is returned; lines that make no sense are passed over.
func parseMounts(text string) []mount {
	var all []mount
	last := map[string]int{}
	for line := range strings.Lines(text) {
		m, ok := parseMount(strings.TrimSuffix(line, "\n"))
		if !ok {
			continue
		}
		if i, hidden := last[m.point]; hidden {
			all[i].point = ""
		}
		last[m.point] = len(all)
		all = append(all, m)
	}
	shown := all[:0]
	for _, m := range all {
		if m.point != "" {
			shown = append(shown, m)
		}
	}
	return shown
}

// parseMount reads one line:
//
//	36 35 98:0 /root /point rw,noatime shared:1 - nfs4 host:/path rw,addr=10.0.0.5
//
// Any number of fields, also none, stands before the lone dash.
func parseMount(line string) (mount, bool) {
	before, after, ok := strings.Cut(line, " - ")
	a, b := strings.Split(before, " "), strings.Split(after, " ")
	if !ok || len(a) < 6 || len(b) < 3 || !strings.HasPrefix(a[4], "/") {
		return mount{}, false
	}
	return mount{device: a[2], root: unescape(a[3]), point: unescape(a[4]), fsType: b[0], source: unescape(b[1]), superFlags: b[2]}, true
}

// unescape undoes what the kernel makes of space, tab, newline and backslash:
// \040 and the like.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// candidate is a directory in which an export may be seen.
type candidate struct {
	mount mount
	dir   string // the mount's point or below it
}

// candidates returns the directories in which e should be, the best first: on
// own (where Cinder mounts it, "" if that is not known), then mounts of just e,
// then those of a directory above it, the nearest first.
func candidates(mounts []mount, e Export, own string) []candidate {
	var first, exact, above []candidate
	for _, m := range mounts {
		if own != "" && m.point == path.Clean(own) {
			first = append(first, candidate{m, m.point})
			continue
		}
		if m.fsType != "nfs" && m.fsType != "nfs4" {
			continue
		}
		of, err := ParseExport(m.source)
		if err != nil || of.Host != e.Host && !m.hasAddress(e.Host) {
			continue
		}
		// A bind mount of a directory inside: root is its path there.
		at := path.Join(of.Path, m.root)
		switch rest, below := strings.CutPrefix(e.Path, strings.TrimSuffix(at, "/")+"/"); {
		case at == e.Path:
			exact = append(exact, candidate{m, m.point})
		case below:
			above = append(above, candidate{m, path.Join(m.point, rest)})
		}
	}
	slices.SortStableFunc(above, func(a, b candidate) int { return cmp.Compare(a.depth(), b.depth()) })
	return slices.Concat(first, exact, above)
}

// depth is how far below its mount a directory is.
func (c candidate) depth() int {
	return strings.Count(strings.TrimPrefix(c.dir, c.mount.point), "/")
}

// hasAddress reports whether host, an address, is that of the mount's server.
func (m mount) hasAddress(host string) bool {
	for option := range strings.SplitSeq(m.superFlags, ",") {
		if a, ok := strings.CutPrefix(option, "addr="); ok && canonicalHost(a) == host {
			return true
		}
	}
	return false
}
