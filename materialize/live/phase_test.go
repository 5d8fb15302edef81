package live

import (
	"strings"
	"testing"
)

func TestPhasesFollowEachOther(t *testing.T) {
	const none = Phase(0)
	for _, c := range []struct {
		phase Phase
		// after Filled, Proven, HandedOver, HandedOver with something lost, Reopened
		want [5]Phase
	}{
		{Filling, [5]Phase{Proving, none, none, none, Filling}},
		{Proving, [5]Phase{none, HandingOver, none, none, Filling}},
		{HandingOver, [5]Phase{none, none, Complete, Incomplete, HandingOver}},
		{Complete, [5]Phase{}},
		{Incomplete, [5]Phase{none, none, none, none, Filling}},
		{Phase(77), [5]Phase{}},
	} {
		for i, e := range []struct {
			event Event
			lost  bool
		}{{Filled, false}, {Proven, false}, {HandedOver, false}, {HandedOver, true}, {Reopened, false}} {
			got, err := c.phase.After(e.event, e.lost)
			switch want := c.want[i]; {
			case want == none && (err == nil || got != c.phase):
				t.Errorf("%v after %v: %v, want an error", c.phase, e.event, got)
			case want != none && (err != nil || got != want):
				t.Errorf("%v after %v, lost %v: %v (%v), want %v", c.phase, e.event, e.lost, got, err, want)
			}
		}
	}
}

// Whatever is lost changes nothing but how it ends.
func TestWhatIsLostDecidesOnlyTheEnd(t *testing.T) {
	for p := Filling; p <= Incomplete; p++ {
		for _, e := range []Event{Filled, Proven, Reopened} {
			with, err1 := p.After(e, true)
			without, err2 := p.After(e, false)
			if with != without || (err1 == nil) != (err2 == nil) {
				t.Errorf("%v after %v: %v or %v", p, e, with, without)
			}
		}
	}
}

func TestEachPhaseSaysWhatTheDeviceIs(t *testing.T) {
	for p, want := range map[Phase]string{Filling: "not a disk", Proving: "all of the volume",
		Complete: "is the volume", Incomplete: "zeros"} {
		if got := p.Device(); !strings.Contains(got, want) {
			t.Errorf("%v: %s", p, got)
		}
		if p.Ended() != (p == Complete || p == Incomplete) {
			t.Errorf("%v: ended %v", p, p.Ended())
		}
	}
}
