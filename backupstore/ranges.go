package backupstore

import "sort"

// ranges is a set of bytes as ranges in order that do not touch.
type ranges []Range

// add adds [off, off+n).
func (r *ranges) add(off, n int64) {
	if n <= 0 {
		return
	}
	s := *r
	end := off + n
	// s[i:j] is what touches the new range.
	i := sort.Search(len(s), func(i int) bool { return s[i].Off+s[i].Len >= off })
	j := i
	for j < len(s) && s[j].Off <= end {
		off, end = min(off, s[j].Off), max(end, s[j].Off+s[j].Len)
		j++
	}
	if i == j {
		s = append(s, Range{})
		copy(s[i+1:], s[i:])
		j = i + 1
	}
	s[i] = Range{off, end - off}
	*r = append(s[:i+1], s[j:]...)
}

// next returns the first range that ends after off, if there is one.
func (r ranges) next(off int64) (Range, bool) {
	i := sort.Search(len(r), func(i int) bool { return r[i].Off+r[i].Len > off })
	if i == len(r) {
		return Range{}, false
	}
	return r[i], true
}

// has reports whether off is in the set.
func (r ranges) has(off int64) bool { return r.hasAll(off, off+1) }

// hasAll reports whether all of [off, end) is in the set.
func (r ranges) hasAll(off, end int64) bool {
	n, ok := r.next(off)
	return off >= end || ok && n.Off <= off && n.Off+n.Len >= end
}
