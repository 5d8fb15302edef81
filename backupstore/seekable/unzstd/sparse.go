package unzstd

import (
	"math/bits"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// mergeGap is the least gap between two ranges of a sparse window that is worth
// the two numbers that describe it.
const mergeGap = 8

// sparse finds out which bytes before a boundary are referenced after it.
type sparse struct {
	uses  []use
	order []uint64 // from<<32 | index into uses
	swap  []uint64

	// What window returns, reused.
	ranges  []stream.Range
	content []byte
}

// use is a piece of the window that a match copied.
type use struct {
	from, n uint32 // where in the window before the boundary
	at      int64  // the decoded offset to which it was copied
}

// collect takes the refs that reach before the boundary at out, into the
// window of reach bytes before it.
func (s *sparse) collect(l *refLog, out int64, reach int) {
	s.uses = s.uses[:0]
	for i, b := range l.blocks {
		if b.out < out {
			continue
		}
		refs := l.refs[b.first:]
		if i+1 < len(l.blocks) {
			refs = l.refs[b.first:l.blocks[i+1].first]
		}
		if n := len(s.uses) + len(refs); n > cap(s.uses) {
			s.uses = append(make([]use, 0, max(n, 2*cap(s.uses))), s.uses...)
		}
		into := s.uses[len(s.uses) : len(s.uses)+len(refs)]
		k, before := uint(0), int(b.out-out)
		for _, r := range refs {
			if k >= uint(len(into)) { // never: tells the compiler that into[k] is in bounds
				break
			}
			back := r.back() - before
			into[k] = use{uint32(reach - back), uint32(min(r.length(), back)),
				b.out + int64(r.at())}
			k += uint(-back) >> 63
		}
		s.uses = s.uses[:len(s.uses)+int(k)]
	}
}

// sort orders the uses by from, which is below reach.
func (s *sparse) sort(reach int) {
	s.order = s.order[:0]
	for i := range s.uses {
		s.order = append(s.order, uint64(s.uses[i].from)<<32|uint64(i))
	}
	if cap(s.swap) < len(s.order) {
		s.swap = make([]uint64, cap(s.order))
	}
	a, b := s.order, s.swap[:len(s.order)]
	const digit = 11
	for shift := 32; shift < 32+bits.Len(uint(reach)); shift += digit {
		var count [1 << digit]int
		for _, v := range a {
			count[v>>shift&(1<<digit-1)]++
		}
		sum := 0
		for i, c := range count {
			count[i] = sum
			sum += c
		}
		for _, v := range a {
			i := v >> shift & (1<<digit - 1)
			b[count[i]] = v
			count[i]++
		}
		a, b = b, a
	}
	s.order, s.swap = a, b
}

// window returns the ranges that the uses cover and their contents one after
// the other, as stream.AppendWindow would encode them; end is the decoded
// offset at which w's bytes end. Both are good until the next call.
func (s *sparse) window(w *window, end int64) (ranges []stream.Range, content []byte) {
	ranges, content = s.ranges[:0], s.content[:0]
	var r stream.Range // the range that grows
	for i, v := range s.order {
		u := &s.uses[uint32(v)]
		from, n := int(u.from), int(u.n)
		known := r.Off + r.Len - from // bytes of the use that the range has
		switch {
		case i == 0 || known <= -mergeGap:
			if i > 0 {
				ranges = append(ranges, r)
			}
			r, known = stream.Range{Off: from}, 0
		case known < 0:
			var gap [mergeGap]byte // never read: any value does
			content = append(content, gap[:-known]...)
			r.Len -= known
			known = 0
		case known >= n:
			continue
		}
		at := w.pos - int(end-u.at)
		if at < 0 {
			at += w.end
		}
		content = append(content, w.buf[at+known:at+n]...)
		r.Len += n - known
	}
	if r.Len > 0 {
		ranges = append(ranges, r)
	}
	s.ranges, s.content = ranges, content
	return ranges, content
}

func (s *sparse) memory() int {
	return 16*(cap(s.uses)+cap(s.ranges)) + 8*cap(s.order) + 8*cap(s.swap) + cap(s.content)
}
