package lvm

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// group is a volume group while its volumes are made.
type group struct {
	name    string
	id      string
	number  int64 // of the state; the highest one counts
	beside  bool  // it is known from other disks only
	extent  int64 // bytes
	text    *section
	nodes   int // of the text
	bytes   int
	merging map[string]bool   // volumes into which a snapshot is merged
	sources map[string]Source // physical volumes that are here, by id
	own     map[string]bool   // ids of those on this disk, also where they are not read
	left    *int              // segments
	made    map[string]*Volume
	pools   map[string]pooled
	room    *int // for pools

	stales map[string]error      // why copies of mirrors are not whole, by name
	raids  map[string]*raidState // what copies say, by the name of the volume for that
}

// Look finds the logical volumes in physical volumes. problems says what is wrong with these, notes
// what is different on disks beside, which changes nothing of what lies on this one.
func Look(sources []Source) (volumes []*Volume, problems, notes []string) {
	told := func(format string, args ...any) {
		if len(problems) < maxProblems {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	found := newTexts()
	l := labelled{ids: map[string]Source{}, own: map[string]bool{}, twice: map[string]bool{}}
	for _, beside := range []bool{false, true} {
		for _, s := range sources {
			if s.Beside == beside {
				l.add(s, found, told)
			}
		}
	}
	for id := range l.twice {
		delete(l.ids, id)
	}
	notes = append(l.notes, found.differing()...)
	notes = notes[:min(len(notes), maxProblems)]
	left, room := maxSegments, maxPools
	var order []*group
	for _, g := range found.groups {
		order = append(order, g)
	}
	slices.SortFunc(
		order,
		func(a, b *group) int { return strings.Compare(a.name+"/"+a.id, b.name+"/"+b.id) },
	)
	for _, g := range order {
		g.sources, g.own, g.left, g.room = l.ids, l.own, &left, &room
		if g.isBeside() {
			continue
		}
		g.made, g.pools, g.merging = map[string]*Volume{}, map[string]pooled{}, g.merged()
		g.stales, g.raids = map[string]error{}, map[string]*raidState{}
		volumes = append(volumes, g.volumes(told)...)
	}
	if len(volumes) > maxVolumes {
		told("only %d of %d logical volumes are shown", maxVolumes, len(volumes))
		volumes = volumes[:maxVolumes]
	}
	return volumes, problems, notes
}

// labelled are the physical volumes that have labels.
type labelled struct {
	ids   map[string]Source
	own   map[string]bool // that lie on this disk
	twice map[string]bool // that two have of which neither counts more
	notes []string
}

// add adds a physical volume, and the metadata on it. Those of this disk come first.
func (l *labelled) add(s Source, found *texts, told func(string, ...any)) {
	id, areas, err := s.label()
	if err != nil {
		told("%s: %v", s.Name, err)
		return
	}
	other, known := l.ids[id]
	switch {
	case known && s.Beside && !other.Beside:
		l.notes = append(l.notes, fmt.Sprintf("%s and %s have the same id: that of this disk is "+
			"read, and the other one not", other.Name, s.Name))
		return
	case known:
		told("%s and %s have the same id: what lies on them is not read, "+
			"as it may be on either",
			other.Name, s.Name)
		l.twice[id] = true
	}
	l.ids[id] = s
	l.own[id] = l.own[id] || !s.Beside
	for _, a := range areas {
		if err := found.add(s, a); err != nil {
			told("%s: %v", s.Name, err)
		}
	}
}

// isBeside says whether a group lies on physical volumes of other disks alone, as far as they are
// here.
func (g *group) isBeside() bool {
	beside := false
	all := g.text.section("physical_volumes")
	for _, name := range all.names {
		if body, ok := all.values[name].(*section); ok {
			switch own, here := g.own[plainID(body)]; {
			case own:
				return false
			case here:
				beside = true
			}
		}
	}
	return beside
}

// plainID returns the id of a physical volume as its label has it.
func plainID(body *section) string { return strings.ReplaceAll(body.text("id"), "-", "") }

// wellNamed says whether LVM could have given a name.
func wellNamed(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-"
	return name != "" && len(name) <= 127 && strings.Trim(name, letters) == "" && name != "." &&
		name != ".."
}

// volumes returns the logical volumes that people see.
func (g *group) volumes(told func(string, ...any)) (out []*Volume) {
	all, stores := g.text.section("logical_volumes"), g.stores()
	for _, name := range all.names {
		body, ok := all.values[name].(*section)
		if !ok || !body.has("status", "VISIBLE") && stores[name] == "" || holds(body) {
			continue
		}
		if !wellNamed(name) {
			told("a logical volume of %s has a name that cannot be one: %q", g.name, name)
			continue
		}
		if len(out) > maxVolumes {
			break
		}
		v := &Volume{Group: g.name, Name: name}
		if origin := stores[name]; origin != "" {
			v.Problem = fmt.Sprintf(
				"it is a snapshot of %s that is not thin: it holds what was there "+
					"before that was changed", origin)
		} else if err := g.fill(v, body, 0); err != nil {
			v.Problem, v.Elsewhere = err.Error(), errors.Is(err, errElsewhere)
		}
		out = append(out, v)
	}
	return out
}

// fill makes the segments of a volume, on which so many others lie.
func (g *group) fill(v *Volume, body *section, depth int) error {
	count, _ := body.number("segment_count")
	var failed error
	if g.merging[v.Name] {
		failed = errors.New("a snapshot is being merged into it: part of what it holds is there")
	}
	for i := int64(1); i <= count; i++ {
		if *g.left--; *g.left < 0 {
			return fmt.Errorf("there are more than %d segments", maxSegments)
		}
		text, ok := body.values[fmt.Sprintf("segment%d", i)].(*section)
		if !ok {
			return fmt.Errorf("its segment %d is missing", i)
		}
		start, _ := text.number("start_extent")
		extents, _ := text.number("extent_count")
		if start < 0 || extents <= 0 || start > math.MaxInt64/g.extent ||
			extents > math.MaxInt64/g.extent-start ||
			start*g.extent != v.Size {
			return fmt.Errorf("its segment %d has %d extents from extent %d on", i, extents, start)
		}
		s := segment{start: v.Size, length: extents * g.extent}
		if err := g.locate(&s, text, depth); err != nil && failed == nil {
			failed = err
		}
		v.segments = append(v.segments, s)
		v.thin = v.thin || s.isThin()
		v.Size += s.length
	}
	if v.Size == 0 && failed == nil {
		failed = fmt.Errorf("it has no segments")
	}
	return failed
}

// locate finds where the bytes of a segment are.
func (g *group) locate(s *segment, text *section, depth int) error {
	kind := text.text("type")
	switch base, _, _ := strings.Cut(kind, "+"); base {
	case "striped", "linear":
		return g.striped(s, text, depth)
	case "raid1":
		return g.mirrored(s, text.list("raids"), 1, depth) // each has a volume for its state first
	case "mirror":
		return g.mirrored(s, text.list("mirrors"), 0, depth)
	case "thin":
		return g.thin(s, text, depth)
	}
	return fmt.Errorf(
		"it is of the type %q, of which LVM keeps the bytes in another way than is read here",
		kind,
	)
}

// striped finds the bytes of a segment in one piece, or in stripes.
func (g *group) striped(s *segment, text *section, depth int) error {
	count, _ := text.number("stripe_count")
	list := text.list("stripes")
	if count < 1 || count > maxStripes || int64(len(list)) != 2*count ||
		s.length/g.extent%count != 0 {
		return fmt.Errorf("one of its segments has %d stripes", count)
	}
	if count > 1 {
		sectors, _ := text.number("stripe_size")
		if s.stripe = sectors * sectorBytes; sectors <= 0 || sectors > math.MaxInt32 ||
			s.length/count%s.stripe != 0 {
			return fmt.Errorf("one of its segments has stripes of %d sectors", sectors)
		}
	}
	for i := range count {
		name, _ := list[2*i].(string)
		first, ok := list[2*i+1].(int64)
		if name == "" || !ok {
			return fmt.Errorf("one of its segments says not where it is")
		}
		one, err := g.stripe(name, first, s.length/count, depth)
		if err != nil {
			return err
		}
		s.stripes = append(s.stripes, one)
	}
	return nil
}

// stripe returns the place of so many bytes on a physical volume, from an extent of it on.
// That can be a logical one that it lies on.
func (g *group) stripe(name string, extent, length int64, depth int) (stripe, error) {
	body, ok := g.text.section("physical_volumes").values[name].(*section)
	if _, logical := g.text.section("logical_volumes").values[name]; !ok && logical {
		v, err := g.below(name, depth)
		if err == nil && (extent < 0 || extent > v.Size/g.extent ||
			length > v.Size-extent*g.extent) {
			err = fmt.Errorf("it would reach behind the end of %s", name)
		}
		if err != nil {
			return stripe{}, err
		}
		return stripe{Source{Name: name, R: v, Size: v.Size}, extent * g.extent}, nil
	}
	if !ok {
		return stripe{}, fmt.Errorf(
			"it lies on a physical volume %q, of which nothing is said",
			name,
		)
	}
	source, ok := g.sources[plainID(body)]
	if !ok {
		return stripe{}, fmt.Errorf("%w, on the physical volume %s", errElsewhere, body.text("id"))
	}
	begin, _ := body.number("pe_start")
	if begin < 0 || begin > source.Size/sectorBytes || extent < 0 || extent > source.Size/g.extent {
		return stripe{}, fmt.Errorf("it would begin at extent %d of %s", extent, source.Name)
	}
	off := begin*sectorBytes + extent*g.extent
	if off > source.Size || length > source.Size-off {
		return stripe{}, fmt.Errorf("it would reach behind the end of %s", source.Name)
	}
	return stripe{source, off}, nil
}
