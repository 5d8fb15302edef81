package lvm

import (
	"errors"
	"fmt"
	"math"
)

// texts are the volume groups that were found, each in its latest state. What they take is bounded
// for all together: an area of metadata costs its writer nothing.
type texts struct {
	groups map[string]*group // by id
	unread int               // bytes that may be read yet
	bytes  int               // that may be kept yet
	nodes  int               // that may be kept yet
}

func newTexts() *texts {
	return &texts{map[string]*group{}, maxAllText, maxKept, maxNodes}
}

var errTooMuch = errors.New("there is more metadata than is read")

// add adds the volume group in an area of metadata, if there is one that is newer than what is
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
	old := t.groups[g.id]
	if old != nil && old.number >= g.number {
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
