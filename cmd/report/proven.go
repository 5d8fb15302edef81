package report

import (
	"fmt"
	"time"

	"github.com/restorefs/restorefs/cmd/proven"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Proven is what verify has found out about a backup, in JSON; its fields are a contract.
type Proven struct {
	// OK: no damage was found, or a proof of the whole backup has disproved it since.
	OK        bool       `json:"ok"`
	AllAt     *time.Time `json:"all_at"`  // all of it was last proven, or seen to be damaged
	PartAt    *time.Time `json:"part_at"` // a part of it was, since then
	Part      float64    `json:"part,omitempty"`
	DamagedAt *time.Time `json:"damaged_at"`
	// DamagedBytes of the volume are damaged; HealedBytes of these another backup
	// had at that time.
	DamagedBytes int64 `json:"damaged_bytes,omitempty"`
	HealedBytes  int64 `json:"healed_bytes,omitempty"`

	allOK, partOK bool // the proofs of AllAt and PartAt found no damage
}

// NewProven describes for scripts what is known of a backup; nil if that is nothing.
func NewProven(l proven.Last) *Proven {
	if !l.Known() {
		return nil
	}
	p := &Proven{OK: l.Bad == nil, AllAt: at(l.All), PartAt: at(l.Some), DamagedAt: at(l.Bad)}
	p.allOK = l.All != nil && l.All.OK
	if l.Some != nil {
		p.Part, p.partOK = l.Some.Part, l.Some.OK
	}
	if l.Bad != nil {
		p.DamagedBytes, p.HealedBytes = l.Bad.Lost, l.Bad.Healed
	}
	return p
}

func at(p *proven.Proof) *time.Time {
	if p == nil {
		return nil
	}
	return &p.At
}

// Lines says the same to people, with all times; nothing is known of nil.
func (p *Proven) Lines() (out []string) {
	if p == nil {
		return nil
	}
	when := func(t *time.Time) string { return t.Format("2006-01-02 15:04:05 MST") }
	if p.allOK {
		out = append(out, "all of it, "+when(p.AllAt))
	}
	if p.partOK {
		out = append(out, fmt.Sprintf("%.2g %% of it, %s", 100*p.Part, when(p.PartAt)))
	}
	if p.DamagedAt != nil {
		text := wording.Size(p.DamagedBytes) + " DAMAGED"
		switch {
		case p.HealedBytes == p.DamagedBytes && p.HealedBytes > 0:
			text += ", and another backup had all of that when it was proven"
		case p.HealedBytes > 0:
			text += fmt.Sprintf(", of which another backup had %s when it was proven",
				wording.Size(p.HealedBytes))
		}
		out = append(out, text+", "+when(p.DamagedAt))
	}
	return out
}

// ProvenText says it in a few words, for a table; "" if nothing is known.
func ProvenText(l proven.Last, now time.Time) string {
	switch {
	case l.Bad != nil && l.Bad.Healed == l.Bad.Lost && l.Bad.Lost > 0:
		return "healed, " + wording.Ago(l.Bad.At, now)
	case l.Bad != nil:
		return "DAMAGED, " + wording.Ago(l.Bad.At, now)
	case l.All != nil:
		return wording.Ago(l.All.At, now)
	case l.Some != nil:
		return fmt.Sprintf("%.2g %%, %s", 100*l.Some.Part, wording.Ago(l.Some.At, now))
	}
	return ""
}
