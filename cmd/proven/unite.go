package proven

import "slices"

// united returns the damage of two proofs, as of the later one, p: what either found is damaged,
// and of what one of them found without healing nothing is healed. Of how much is damaged beyond
// the ranges that are kept, it is the least that it can be.
func united(was, p *Proof) *Proof {
	u := *p
	u.Damaged = nil
	var all, bare int64
	for _, r := range overlaid(was.Damaged, p.Damaged) {
		all += r.Length
		if !r.Healed {
			bare += r.Length
		}
		if len(u.Damaged) < MaxRanges {
			u.Damaged = append(u.Damaged, r)
		}
	}
	u.Lost = min(max(all, was.Lost, p.Lost), maxBytes)
	bare = min(max(bare, was.Lost-was.Healed, p.Lost-p.Healed), u.Lost)
	u.Healed = u.Lost - bare
	if was.Lost == 0 || p.Lost == 0 {
		u.Healed = 0 // one is bad without saying where
	}
	u.Unread = was.Unread || p.Unread
	return &u
}

// overlaid returns the ranges that either list has, ordered and without overlap. A byte is healed
// if all that say something of it say so.
func overlaid(a, b []Range) (out []Range) {
	ranges := slices.Concat(a, b)
	var cuts []int64
	for _, r := range ranges {
		cuts = append(cuts, r.Offset, r.Offset+r.Length)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	for i := 1; i < len(cuts); i++ {
		from, to := cuts[i-1], cuts[i]
		covered, healed := false, true
		for _, r := range ranges {
			if r.Offset <= from && to <= r.Offset+r.Length {
				covered, healed = true, healed && r.Healed
			}
		}
		if !covered {
			continue
		}
		n := len(out) - 1
		if n >= 0 && out[n].Healed == healed && out[n].Offset+out[n].Length == from {
			out[n].Length += to - from
			continue
		}
		out = append(out, Range{from, to - from, healed})
	}
	return out
}
