package lvm

import (
	"fmt"
	"math"
)

const (
	raidMagic     = "DmRd"
	raidHeadBytes = 40
	maxRaidBit    = 64 // copies whose failure the state has a bit for
)

// raidStates are what the copies of a volume say of themselves and each other, in their order: nil
// of one that says nothing.
type raidStates []*raidState

type raidState struct {
	events    uint64 // counts changes of the state: who missed some was not there
	failed    uint64 // a bit for each copy
	recovered uint64 // sectors; all if it is whole
}

// states reads what the copies of a volume say. name is which of two entries of the list names a
// copy: before one of raid1 is that of its state, a mirror has none.
func (g *group) states(list []any, name, depth int) raidStates {
	if name == 0 {
		return nil
	}
	var states raidStates
	any := false
	for i := 0; i+1 < len(list) && i < 2*maxStripes; i += 2 {
		image, _ := list[i].(string)
		state := g.state(image, depth)
		states, any = append(states, state), any || state != nil
	}
	if !any { // it was never used as a mirror
		return nil
	}
	return states
}

// state returns the state of a copy; nil if there is none. It is read once: a text can name a state
// many times, as it can a copy.
func (g *group) state(name string, depth int) *raidState {
	s, known := g.raids[name]
	if !known {
		s = g.readState(name, depth)
		g.raids[name] = s
	}
	return s
}

func (g *group) readState(name string, depth int) *raidState {
	v, err := g.below(name, depth)
	if err != nil {
		return nil
	}
	head := make([]byte, raidHeadBytes)
	if n, _ := v.ReadAt(head, 0); n < len(head) || string(head[:4]) != raidMagic {
		return nil
	}
	return &raidState{le.Uint64(head[16:]), le.Uint64(head[24:]), le.Uint64(head[32:])}
}

// stale says why a copy is not what the volume holds, nil if it is.
func (states raidStates) stale(name string, at int) error {
	if at >= len(states) {
		return nil
	}
	var latest raidState
	for _, s := range states {
		switch {
		case s == nil || s.events < latest.events:
		case s.events == latest.events:
			latest.failed |= s.failed
		default:
			latest = *s
		}
	}
	switch s := states[at]; {
	case s == nil:
		return fmt.Errorf("its copy %s does not say that it is whole, as another one does", name)
	case at < maxRaidBit && latest.failed>>at&1 != 0, latest.events-s.events > 1:
		return fmt.Errorf("its copy %s failed, and misses what was written since", name)
	case s.recovered != math.MaxUint64:
		return fmt.Errorf("its copy %s was made anew, and is whole up to sector %d", name,
			s.recovered)
	}
	return nil
}

// stale says why LVM itself does not take a copy for whole, nil if it does.
func (g *group) stale(name string) error {
	err, known := g.stales[name]
	if !known {
		err = g.findStale(name)
		g.stales[name] = err
	}
	return err
}

func (g *group) findStale(name string) error {
	body := g.text.section("logical_volumes").section(name)
	marked := func(s *section, word string) bool {
		return s.has("status", word) ||
			s.has("flags", word)
	}
	if marked(body, "REBUILD") {
		return fmt.Errorf("its copy %s is to be made anew", name)
	}
	count, _ := body.number("segment_count")
	for i := int64(1); i <= min(count, maxStripes); i++ {
		list := body.section(fmt.Sprintf("segment%d", i)).list("stripes")
		for n := 0; n < len(list); n += 2 {
			pv, _ := list[n].(string)
			if marked(g.text.section("physical_volumes").section(pv), "MISSING") {
				return fmt.Errorf("its copy %s lies on a physical volume that was missing", name)
			}
		}
	}
	return nil
}
