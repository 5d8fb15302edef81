package lvm

import (
	"errors"
	"fmt"
	"strings"
)

// below returns a logical volume that another one lies on, made once.
func (g *group) below(name string, depth int) (*Volume, error) {
	if v, ok := g.made[name]; ok {
		if v.Problem != "" {
			return nil, v.failure(name)
		}
		return v, nil
	}
	body, ok := g.text.section("logical_volumes").values[name].(*section)
	if !ok {
		return nil, fmt.Errorf("it lies on %q, of which nothing is said", name)
	}
	if depth >= maxLayers {
		return nil, fmt.Errorf("more than %d volumes lie on each other", maxLayers)
	}
	g.made[name] = &Volume{Problem: "it would lie on itself"} // until it is made
	v := &Volume{Group: g.name, Name: name}
	if err := g.fill(v, body, depth+1); err != nil {
		v.Problem, v.Elsewhere = err.Error(), errors.Is(err, errElsewhere)
	}
	g.made[name] = v
	if v.Problem != "" {
		return nil, v.failure(name)
	}
	return v, nil
}

// mirrored finds the bytes of a volume that is kept several times: on the first of its copies
// that is here and whole.
// Two entries of the list are for one copy, of which one is its name.
func (g *group) mirrored(s *segment, list []any, name, depth int) error {
	var first error
	states := g.states(list, name, depth)
	for i := name; i < len(list) && i < 2*maxStripes; i += 2 {
		image, _ := list[i].(string)
		err := g.stale(image)
		if err == nil {
			err = states.stale(image, i/2)
		}
		var v *Volume
		if err == nil {
			v, err = g.below(image, depth)
		}
		if err == nil && v.Size < s.length {
			err = fmt.Errorf("its copy %s has %d bytes instead of %d", image, v.Size, s.length)
		}
		if err == nil {
			s.stripes = []stripe{{Source{Name: image, R: v, Size: v.Size}, 0}}
			return nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = fmt.Errorf("it is a mirror without copies")
	}
	return first
}

// holds says whether a volume is one that only holds others, or what they need.
func holds(body *section) bool {
	return strings.HasSuffix(body.section("segment1").text("type"), "-pool")
}

// merged returns the volumes into which a snapshot is merged.
func (g *group) merged() map[string]bool {
	merging := map[string]bool{}
	all := g.text.section("logical_volumes")
	for _, name := range all.names {
		if text := all.section(name).section("segment1"); text.text("merging_store") != "" {
			merging[text.text("origin")] = true
		}
	}
	return merging
}

// stores returns of which volume each store of a snapshot is.
func (g *group) stores() map[string]string {
	stores := map[string]string{}
	all := g.text.section("logical_volumes")
	for _, name := range all.names {
		text := all.section(name).section("segment1")
		if store := text.text("cow_store"); store != "" {
			stores[store] = text.text("origin")
		}
	}
	return stores
}
