package materialize

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// facts is what was found out about a target.
type facts struct {
	kind      Kind
	what      string // of KindOther: "directory", ...
	id        identity
	size      int64
	readOnly  bool
	busy      bool     // the exclusive open failed
	locked    bool     // a lock on it is held by another
	blank     bool     // nothing but zeros was seen
	nonzero   int64    // near which offset other bytes were seen
	holds     []string // names of what it visibly holds
	machine   *machine
	continues bool  // an interrupted run of the same backup wrote it
	unopened  error // why it could not be opened; nil: it was
}

// judge lists the reasons against writing a volume of need bytes onto the
// target. It is a pure function of the facts.
func judge(f facts, need int64) (out []Reason) {
	defer func() {
		for i := range out {
			out[i].Text = printable(out[i].Text)
		}
	}()
	no := func(k ReasonKind, format string, args ...any) {
		out = append(out, Reason{Kind: k, Text: fmt.Sprintf(format, args...),
			Forceable: k == ReasonContent})
	}
	if f.kind == KindOther {
		no(ReasonNotATarget, "it is a %s, not a regular file or block device", f.what)
		return out
	}
	if f.machine != nil {
		out = append(out, f.machine.users(f.id)...)
		if point := f.machine.systemDisk(f.id); point != "" {
			no(ReasonSystem, "this machine runs from it: it carries %s", point)
		}
		for _, p := range f.machine.opens {
			no(ReasonOpen, "%s", p)
		}
	}
	if f.locked {
		no(ReasonOpen,
			"another process holds a lock on it (a running virtual machine, or another restorefs)")
	}
	if f.busy && len(out) == 0 {
		pools := ""
		if f.machine != nil && len(f.machine.pools) > 0 {
			pools = fmt.Sprintf("part of a ZFS pool, which are %s here, ",
				strings.Join(f.machine.pools, ", "))
		}
		no(ReasonOpen,
			"the kernel says that it is in use (mounted elsewhere, part of a volume "+
				"group or array, "+
				"%sor opened exclusively by another process)", pools)
	}
	if f.readOnly {
		no(ReasonReadOnly, "it is read-only")
	}
	if f.kind == KindDevice && f.size < need {
		no(ReasonTooSmall, "it has %d bytes, the backup needs %d: %d too few", f.size, need,
			need-f.size)
	}
	switch {
	case f.continues: // it holds what that run wrote
	case len(f.holds) > 0:
		no(ReasonContent, "it holds data: %s", strings.Join(f.holds, ", "))
	case !f.blank:
		no(ReasonContent, "it is not blank: data of an unknown kind near offset %d", f.nonzero)
	}
	return out
}

// printable replaces unprintable characters: mount points, labels and process
// names, which anybody may have chosen, must not control the operator's
// terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

// users lists the uses of the target: mounts, swap, and devices that stand on
// it. It includes uses of its partitions, of the disk that it is a partition
// of, and of other loop devices on the same file.
func (m *machine) users(target identity) []Reason {
	u := usage{m: m, target: target, seen: map[uint64]bool{}}
	u.all()
	u.exportsOf(target)
	return u.out
}

func (u *usage) all() {
	target := u.target
	if target.rdev == 0 {
		for _, s := range u.m.swaps {
			if s.id == target {
				u.add(ReasonSwap, "it is in use as swap")
			}
		}
		u.loops(target, nil)
		return
	}
	u.above(target.rdev)
	b := u.m.blocks[target.rdev]
	if b == nil {
		return
	}
	u.twins(target.rdev, u.above)
	if b.whole != 0 {
		u.itself(b.whole)
		u.twins(b.whole, u.itself)
	}
	if b.loop != nil {
		u.loops(b.loop.backing, b)
		if b.loop.backing.rdev != 0 {
			u.itself(b.loop.backing.rdev)
		}
	}
}

type usage struct {
	m      *machine
	target identity
	seen   map[uint64]bool
	out    []Reason
}

func (u *usage) add(k ReasonKind, format string, args ...any) {
	u.out = append(u.out, Reason{Kind: k, Text: fmt.Sprintf(format, args...)})
}

// name returns the name of a device in a message about the target.
func (u *usage) name(rdev uint64) string {
	if rdev == u.target.rdev {
		return "it"
	}
	return u.m.name(rdev)
}

func (m *machine) name(rdev uint64) string {
	if b := m.blocks[rdev]; b != nil {
		return "/dev/" + b.name
	}
	return fmt.Sprintf("device %d", rdev)
}

// above adds the users of a device, of its partitions and of all devices that
// stand on them.
func (u *usage) above(rdev uint64) {
	if u.seen[rdev] {
		return
	}
	u.itself(rdev)
	for _, b := range u.m.sorted() {
		if b.whole == rdev {
			u.above(b.rdev)
		}
	}
	u.loops(identity{rdev: rdev}, nil)
}

// twins adds the users of other devices that show the bytes of a device.
func (u *usage) twins(rdev uint64, users func(uint64)) {
	for _, twin := range u.m.twins(rdev) {
		n := len(u.out)
		if users(twin.rdev); len(u.out) > n {
			u.out = slices.Insert(u.out, n, Reason{Kind: ReasonHeld,
				Text: fmt.Sprintf("/dev/%s has the same bytes as %s and is in use", twin.name,
					u.name(rdev))})
		}
	}
}

// itself adds the users of a device as a whole.
func (u *usage) itself(rdev uint64) {
	if u.seen[rdev] {
		return
	}
	u.seen[rdev] = true
	var points []string
	for _, mt := range u.m.mounts {
		if mt.dev != rdev && mt.source.rdev != rdev {
			continue
		}
		point := mt.point
		if mt.of != "" {
			if len(points) > 0 { // most namespaces are copies of this one
				continue
			}
			point += " in the mount namespace of " + mt.of
		}
		if !slices.Contains(points, point) {
			points = append(points, point)
		}
	}
	if n := len(points); n > 0 {
		if n > 3 {
			points = append(points[:3], fmt.Sprintf("%d more", n-3))
		}
		u.add(ReasonMounted, "%s is mounted on %s", u.name(rdev), strings.Join(points, ", "))
	}
	for _, s := range u.m.swaps {
		if s.id.rdev == rdev {
			u.add(ReasonSwap, "%s is in use as swap", u.name(rdev))
		}
	}
	if b := u.m.blocks[rdev]; b != nil {
		if b.bcache && len(b.holders) == 0 {
			u.add(ReasonHeld, "%s is registered with bcache", u.name(rdev))
		}
		for _, h := range b.holders {
			u.add(ReasonHeld, "%s (device mapper, LVM, md or similar) stands on %s", u.m.name(h),
				u.name(rdev))
			u.above(h)
		}
	}
}

// loops adds the loop devices on a file or device, and their users. It skips
// those that do not overlap the part shown by the loop device except.
func (u *usage) loops(backing identity, except *block) {
	for _, b := range u.m.sorted() {
		if b.loop == nil || b.loop.backing != backing || u.seen[b.rdev] ||
			except != nil && !b.loop.overlaps(except.loop) {
			continue
		}
		u.add(ReasonHeld, "the loop device /dev/%s shows %s", b.name, b.loop.path)
		u.above(b.rdev)
	}
}

func (l *loop) overlaps(o *loop) bool {
	before := func(a, b *loop) bool { return a.limit > 0 && a.off+a.limit <= b.off }
	return !before(l, o) && !before(o, l)
}

// sorted returns the devices in a fixed order, for stable messages.
func (m *machine) sorted() []*block {
	out := make([]*block, 0, len(m.blocks))
	for _, b := range m.blocks {
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b *block) int { return strings.Compare(a.name, b.name) })
	return out
}

// systemDisk returns the mount point of the running system whose file system
// lies on the target, directly or through other devices, or "".
func (m *machine) systemDisk(target identity) string {
	for _, point := range []string{"/", "/usr", "/boot", "/boot/efi", "/var", "/etc"} {
		for _, mt := range m.mounts {
			if mt.point != point || mt.of != "" { // the root of another namespace is a container's
				continue
			}
			seen := map[identity]bool{}
			m.below(identity{rdev: mt.dev}, seen)
			if mt.source.rdev != 0 {
				m.below(mt.source, seen)
			}
			if seen[target] {
				return point
			}
		}
	}
	return ""
}

// below collects the devices and files that a device or file lies on.
func (m *machine) below(id identity, seen map[identity]bool) {
	if seen[id] {
		return
	}
	seen[id] = true
	if id.rdev == 0 {
		m.below(identity{rdev: id.dev}, seen) // the filesystem that a file is in
		return
	}
	b := m.blocks[id.rdev]
	if b == nil {
		return
	}
	if b.whole != 0 {
		m.below(identity{rdev: b.whole}, seen)
	}
	for _, s := range b.slaves {
		m.below(identity{rdev: s}, seen)
	}
	if b.loop != nil {
		m.below(b.loop.backing, seen)
	}
}
