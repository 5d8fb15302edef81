package lvm

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// texts are the volume groups that were found, each in its latest state of this disk, or of the
// others if this one has none: these were backed up at other moments. What they take is bounded for
// all together: an area of metadata costs its writer nothing.
type texts struct {
	groups map[string]*group // by id
	others map[string]other  // the latest states that disks beside it have, by id
	unread int               // bytes that may be read yet
	bytes  int               // that may be kept yet
	nodes  int               // that may be kept yet
}

func newTexts() *texts {
	return &texts{map[string]*group{}, map[string]other{}, maxAllText, maxKept, maxNodes}
}

// other is the state of a volume group as a disk beside has it.
type other struct {
	source string
	number int64
}

// differing says of which groups another disk has another state.
func (t *texts) differing() (notes []string) {
	for _, id := range slices.Sorted(maps.Keys(t.others)) {
		g, o := t.groups[id], t.others[id]
		if g == nil || g.beside || o.number == g.number {
			continue
		}
		notes = append(notes, fmt.Sprintf("the metadata of the volume group %s is of another "+
			"state on %s (seqno %d, here %d): that of this disk counts, and what lies on the "+
			"other one may be of another moment", g.name, o.source, o.number, g.number))
	}
	return notes
}

var errTooMuch = errors.New("there is more metadata than is read")

// add adds the volume group in an area of metadata, if there is one and it counts more than what is
// known.
func (t *texts) add(s Source, a area) error {
	text, err := s.text(a)
	if err != nil || text == "" {
		return err
	}
	if t.unread -= len(text); t.unread < 0 {
		return errTooMuch
	}
	g, err := readGroup(text, maxNodes)
	if err != nil {
		return err
	}
	g.beside = s.Beside
	if known, ok := t.others[g.id]; s.Beside && (!ok || known.number < g.number) &&
		len(t.others) < maxGroups {
		t.others[g.id] = other{s.Name, g.number}
	}
	old := t.groups[g.id]
	if old != nil && (old.beside == g.beside && old.number >= g.number || !old.beside && g.beside) {
		return nil
	}
	bytes, nodes := t.bytes-g.bytes, t.nodes-g.nodes
	if old != nil {
		bytes, nodes = bytes+old.bytes, nodes+old.nodes
	}
	if bytes < 0 || nodes < 0 || old == nil && len(t.groups) == maxGroups {
		return errTooMuch
	}
	t.groups[g.id], t.bytes, t.nodes = g, bytes, nodes
	return nil
}

// readGroup reads the volume group in a text.
func readGroup(text string, most int) (*group, error) {
	top, nodes, err := parse(text, most)
	if err != nil {
		return nil, err
	}
	for _, name := range top.names {
		body, ok := top.values[name].(*section)
		if !ok {
			continue
		}
		sectors, _ := body.number("extent_size")
		if !wellNamed(name) || sectors <= 0 || sectors > math.MaxInt32 {
			return nil, fmt.Errorf("the volume group %q has extents of %d sectors", name, sectors)
		}
		g := &group{name: name, id: body.text("id"), extent: sectors * sectorBytes, text: body,
			nodes: nodes, bytes: len(text)}
		g.number, _ = body.number("seqno")
		return g, nil
	}
	return nil, fmt.Errorf("%w: it has no volume group", errText)
}
