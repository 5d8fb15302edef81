package index

import "slices"

// extent is the decoded bytes [off, end).
type extent struct{ off, end int64 }

// zeroSet holds extents known to be zero: sorted, apart from each other by at
// least a byte, none shorter than min. It grows at its end only.
type zeroSet struct {
	list []extent
	min  int64  // shortest worth keeping
	run  extent // the extent reported last, joined, also when still too short
	// unsaved is the index in list of the first extent that is not in the file,
	// or is shorter there.
	unsaved int
}

// add joins [off, end) to the set. What starts before the extent added last is
// ignored.
func (z *zeroSet) add(off, end int64) {
	switch {
	case off >= end || off < z.run.off:
		return
	case off <= z.run.end && z.run.end > 0:
		z.run.end = max(z.run.end, end)
	default:
		z.run = extent{off, end}
	}
	if z.run.end-z.run.off < max(z.min, minZero) {
		return
	}
	if i := len(z.list) - 1; i >= 0 && z.list[i].end >= z.run.off {
		z.list[i].end = max(z.list[i].end, z.run.end)
		z.unsaved = min(z.unsaved, i)
		return
	}
	if len(z.list) == maxZeros {
		z.thin()
	}
	z.list = append(z.list, z.run)
}

// thin makes room by asking for longer and longer extents.
func (z *zeroSet) thin() {
	for z.min = max(z.min, minZero); len(z.list) > maxZeros*3/4; {
		z.min *= 2
		z.list = slices.DeleteFunc(z.list, func(e extent) bool { return e.end-e.off < z.min })
	}
	z.unsaved = len(z.list)
}

// clip forgets what lies at or after end, so that it can be added again.
func (z *zeroSet) clip(end int64) {
	i := len(z.list)
	for i > 0 && z.list[i-1].off >= end {
		i--
	}
	z.list, z.run = z.list[:i], extent{}
	if i > 0 {
		last := &z.list[i-1]
		last.end = min(last.end, end)
		z.run = *last
		if last.end-last.off < minZero {
			z.list = z.list[:i-1]
		}
	}
	z.unsaved = min(z.unsaved, len(z.list))
}

// next is the first zero extent in [off, end), cut to it; empty if there is
// none.
func (z *zeroSet) next(off, end int64) extent {
	i, _ := slices.BinarySearchFunc(z.list, off, func(e extent, off int64) int {
		if e.end <= off {
			return -1
		}
		return 1
	})
	if i == len(z.list) || z.list[i].off >= end {
		return extent{}
	}
	return extent{max(off, z.list[i].off), min(end, z.list[i].end)}
}
