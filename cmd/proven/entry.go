package proven

import (
	"encoding/hex"
	"slices"
	"time"
)

// Proof is how one run of verify over a backup ended. Its fields are those of the file, a contract.
type Proof struct {
	At time.Time `json:"at"` // when it ended, UTC
	OK bool      `json:"ok"`
	// Part is how much of the blocks with data was looked at, within (0, 1]; 1 is all.
	Part float64 `json:"part"`
	// Lost is how many bytes of the volume are damaged, Healed how many of these another backup of
	// the volume had at that time, so that readers got them.
	Lost   int64 `json:"lost,omitempty"`
	Healed int64 `json:"healed,omitempty"`
	// Damaged are the damaged ranges, the first MaxRanges of them.
	Damaged []Range `json:"damaged,omitempty"`
	// Unread says that something could not be read, which may be right nevertheless.
	Unread bool `json:"unread,omitempty"`
}

// Range is a damaged range of a volume, in bytes.
type Range struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
	// Healed says that another backup of the volume had these bytes at that time.
	Healed bool `json:"healed,omitempty"`
}

// MaxRanges damaged ranges of a backup are kept; a Proof says of how many bytes all are.
const MaxRanges = 64

// entry is what is kept of a backup: a line of the file.
type entry struct {
	Backup string `json:"backup"` // its id
	Of     string `json:"of"`     // the version of its files, see versions
	// All is the last proof of the whole backup, Some the last one of a part since then. Bad is the
	// damage that no proof of all of it has disproved since: what the last one of those found, and
	// what proofs of parts found besides.
	All  *Proof `json:"all,omitempty"`
	Some *Proof `json:"some,omitempty"`
	Bad  *Proof `json:"bad,omitempty"`
}

// add adds a proof, which another process may have overtaken with a later one. What claims a time
// after now was written under a wrong clock, and counts as earlier.
func (e *entry) add(p *Proof, now time.Time) {
	later := func(q *Proof) bool { return q != nil && q.At.After(p.At) && !q.At.After(now) }
	if p.Unread && p.Lost == 0 && !p.OK || later(e.All) && e.All.OK {
		return // it neither proves nor refutes anything, or no longer does
	}
	whole := p.Part == 1
	switch {
	case later(e.All):
	case whole:
		e.All = p
		if !later(e.Some) {
			e.Some = nil
		}
	case !later(e.Some):
		e.Some = p
	}
	e.addDamage(p, whole, later(e.Bad))
}

// addDamage has Bad say what is damaged, by a whole proof or one of a part; overtaken says that Bad
// is later.
func (e *entry) addDamage(p *Proof, whole, overtaken bool) {
	switch {
	case p.OK && whole && !overtaken:
		e.Bad = nil
	case p.OK:
	case e.Bad == nil || whole && !p.Unread && !overtaken:
		e.Bad = p
	case overtaken:
		e.Bad = united(p, e.Bad)
	default: // it has not looked at all that was damaged
		e.Bad = united(e.Bad, p)
	}
}

// last returns when the entry was last added to.
func (e *entry) last() (at time.Time) {
	for _, p := range []*Proof{e.All, e.Some, e.Bad} {
		if p != nil && p.At.After(at) {
			at = p.At
		}
	}
	return at
}

const (
	idLen      = 36
	versionLen = 32 // hex digits
	maxBytes   = 1 << 60
)

// sound says whether a line makes sense, whoever wrote it.
func (e *entry) sound() bool {
	if len(e.Backup) != idLen || len(e.Of) != versionLen || e.last().IsZero() {
		return false
	}
	if _, err := hex.DecodeString(e.Of); err != nil {
		return false
	}
	for _, p := range []*Proof{e.All, e.Some, e.Bad} {
		if p != nil && !p.sound() {
			return false
		}
	}
	return (e.All == nil || e.All.Part == 1) && (e.Bad == nil || !e.Bad.OK)
}

func (p *Proof) sound() bool {
	// Years that JSON can have again.
	if y := p.At.Year(); y < 2000 || y > 9998 {
		return false
	}
	return p.Part > 0 && p.Part <= 1 && p.Lost >= 0 && p.Lost <= maxBytes &&
		p.Healed >= 0 && p.Healed <= p.Lost && p.soundDamage()
}

func (p *Proof) soundDamage() bool {
	if p.OK && (p.Lost > 0 || len(p.Damaged) > 0) || len(p.Damaged) > MaxRanges {
		return false
	}
	return !slices.ContainsFunc(p.Damaged, func(r Range) bool {
		return min(r.Offset, r.Length) < 0 || max(r.Offset, r.Length) > maxBytes
	})
}
