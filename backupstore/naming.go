package backupstore

import (
	"fmt"
	"slices"
	"strings"
)

// minPrefix characters of an id are needed at least.
const minPrefix = 4

// naming knows the volumes of a snapshot by all that they can be called.
type naming struct {
	backups []*Backup
	volumes []*named
}

// named is a volume.
type named struct {
	id      string
	name    string // the newest one, "" for none
	backups []*Backup
	notes   []string // on how it was found
}

// newNaming takes backups volume by volume, oldest first.
func newNaming(backups []*Backup) naming {
	n := naming{backups: backups}
	var v *named
	for i, b := range backups {
		if v == nil || v.id != b.VolumeID {
			v = &named{id: b.VolumeID, backups: backups[i:i]}
			n.volumes = append(n.volumes, v)
		}
		v.backups = v.backups[:len(v.backups)+1]
		if name := b.VolumeName(); name != "" {
			v.name = name
		}
	}
	return n
}

// is says whether text is a name as it was given, which has no space around it.
func is(name, text string) bool { return name == text || strings.TrimSpace(name) == text }

func (v *named) formerly(name string) bool {
	return slices.ContainsFunc(v.backups, func(b *Backup) bool { return is(b.VolumeName(), name) })
}

// matching returns the volumes that do.
func (n naming) matching(does func(*named) bool) (out []*named) {
	for _, v := range n.volumes {
		if does(v) {
			out = append(out, v)
		}
	}
	return out
}

// having returns the backups that do.
func (n naming) having(does func(*Backup) bool) (out []*Backup) {
	for _, b := range n.backups {
		if does(b) {
			out = append(out, b)
		}
	}
	return out
}

func (b *Backup) called(name string) bool { return b.Name != nil && is(*b.Name, name) }

// starting returns the backups, and the volumes, whose ids begin with text.
func (n naming) starting(text string) ([]*Backup, []*named) {
	if len(text) < minPrefix {
		return nil, nil
	}
	return n.having(func(b *Backup) bool { return hasPrefixFold(b.ID, text) }),
		n.matching(func(v *named) bool { return hasPrefixFold(v.id, text) })
}

// volume returns the volume that r names; byBackup says that it may be named by its backups' name.
func (n naming) volume(r Ref, byBackup bool) (*named, error) {
	if r.Kind != RefName {
		if v := n.matching(func(v *named) bool {
			return strings.EqualFold(v.id, r.Name)
		}); len(v) > 0 {
			v[0].notes = n.otherwise(r, "a volume",
				func(o *named) bool { return o != v[0] && is(o.name, r.Name) })
			return v[0], nil
		}
	}
	if r.Kind != RefID {
		v, err := n.volumeCalled(r, byBackup)
		if v != nil || err != nil {
			return v, err
		}
	}
	if r.Kind != RefName {
		backups, v := n.starting(r.Name)
		switch {
		case len(v) == 1:
			return v[0], nil
		case len(v) > 1:
			return nil, ambiguousVolumes(r, v)
		case len(backups) > 0 && !byBackup:
			return nil, fmt.Errorf("%w of a volume %s: %s is a backup, its volume is %s",
				ErrNoBackup,
				shown(r.Name), backups[0].ID, backups[0].VolumeID)
		case len(backups) > 0:
			return nil, fmt.Errorf(
				"%w of a volume %s: %s is a backup by itself; its volume is %s, "+
					"so it is %s@%s", ErrNoBackup, shown(r.Name), backups[0].ID,
				backups[0].VolumeID,
				backups[0].VolumeID, r.Moment.Text)
		}
	}
	if b := n.having(func(b *Backup) bool { return b.called(r.Name) }); len(b) > 0 &&
		r.Kind != RefID {
		return nil, fmt.Errorf("%w of a volume %s: backups are called so, such as %s of volume %s",
			ErrNoBackup, shown(r.Name), b[0].ID, b[0].VolumeID)
	}
	return nil, n.notNamed(r)
}

// volumeCalled returns the volume that has, or had, a name, or whose backups have it; nil for none.
func (n naming) volumeCalled(r Ref, byBackup bool) (*named, error) {
	now := n.matching(func(v *named) bool { return is(v.name, r.Name) })
	former := n.matching(func(v *named) bool { return !is(v.name, r.Name) && v.formerly(r.Name) })
	var note string
	found := now
	switch {
	case len(now) > 0 && len(former) > 0:
		note = fmt.Sprintf("volume %s was called %s before, too; id=%s names it", former[0].id,
			shown(r.Name), former[0].id)
	case len(former) > 0:
		found = former
		note = fmt.Sprintf("%s is a former name of volume %s, which is now called %s",
			shown(r.Name),
			former[0].id, shown(former[0].name))
	case len(now) == 0 && byBackup:
		found = n.matching(func(v *named) bool {
			return slices.ContainsFunc(v.backups, func(b *Backup) bool { return b.called(r.Name) })
		})
	}
	switch {
	case len(found) == 0:
		return nil, nil
	case len(found) > 1:
		return nil, ambiguousVolumes(r, found)
	case note != "":
		found[0].notes = append(found[0].notes, note)
	}
	if started, v := n.starting(r.Name); r.Kind == RefAny {
		if others := without(v, found); len(others) > 0 {
			return nil, ambiguousVolumes(r, append(others, found...)).whichKind(r)
		}
		if len(started) > 0 {
			found[0].notes = append(found[0].notes,
				fmt.Sprintf("%s is also the start of the id of backup "+
					"%s, which is not meant by what has an @", shown(r.Name), started[0].ID))
		}
	}
	return found[0], nil
}

// backup returns the backup that r names, which has no Moment.
func (n naming) backup(r Ref) (Found, error) {
	if r.Kind != RefName {
		if b := n.having(func(b *Backup) bool {
			return strings.EqualFold(b.ID, r.Name)
		}); len(b) > 0 {
			return Found{
				Backup: b[0],
				Notes: n.otherwise(r, "a backup",
					func(v *named) bool { return is(v.name, r.Name) }),
			}, nil
		}
		if v := n.matching(func(v *named) bool {
			return strings.EqualFold(v.id, r.Name)
		}); len(v) > 0 {
			return n.only(r, v, nil)
		}
	}
	if r.Kind != RefID {
		backups := n.having(func(b *Backup) bool { return b.called(r.Name) })
		volumes := n.matching(func(v *named) bool { return is(v.name, r.Name) })
		if len(backups)+len(volumes) == 0 {
			volumes = n.matching(func(v *named) bool { return v.formerly(r.Name) })
		}
		if len(backups)+len(volumes) > 0 {
			if err := n.alsoStarts(r, volumes, meant(r, volumes, backups)); err != nil {
				return Found{}, err
			}
			return n.only(r, volumes, backups)
		}
	}
	if r.Kind != RefName {
		if backups, volumes := n.starting(r.Name); len(backups) > 0 {
			return n.only(r, nil, backups)
		} else if len(volumes) > 0 {
			return n.only(r, volumes, nil)
		}
	}
	return Found{}, n.notNamed(r)
}

// meant returns the backups, and those of the volumes.
func meant(r Ref, volumes []*named, backups []*Backup) []*Backup {
	all := slices.Clone(backups)
	for _, v := range volumes {
		for _, b := range v.backups {
			if len(backups) == 0 || !b.called(r.Name) { // else it is there
				all = append(all, b)
			}
		}
	}
	return all
}

// only returns the one backup that is meant by backups and volumes.
func (n naming) only(r Ref, volumes []*named, backups []*Backup) (Found, error) {
	all := meant(r, volumes, backups)
	if len(all) != 1 {
		return Found{}, ambiguousBackups(r, volumes, all)
	}
	f := Found{Backup: all[0]}
	if len(backups) == 0 && !is(all[0].VolumeName(), r.Name) && volumes[0].formerly(r.Name) {
		f.Notes = append(f.Notes,
			fmt.Sprintf("%s is a former name of volume %s", shown(r.Name), volumes[0].id))
	}
	return f, nil
}

// otherwise is the note that what was taken for an id is also a name.
func (n naming) otherwise(r Ref, what string, called func(*named) bool) []string {
	if len(n.matching(called)) == 0 || r.Kind == RefID {
		return nil
	}
	return []string{fmt.Sprintf("%s is the id of %s, and a name as well: the id counts; "+
		"name=... is the other", shown(r.Name), what)}
}

// alsoStarts is the error for a name that is also the start of the id of something else than all:
// whoever gives a volume or a backup its name must not decide what the start of another's id means.
func (n naming) alsoStarts(r Ref, named []*named, all []*Backup) error {
	if r.Kind != RefAny {
		return nil
	}
	others, volumes := n.starting(r.Name)
	for _, v := range volumes {
		others = append(others, v.backups...)
	}
	if others = without(others, all); len(others) == 0 {
		return nil
	}
	return ambiguousBackups(r, append(volumes, named...), append(others, all...)).whichKind(r)
}

// without returns what of list is not in others.
func without[T comparable](list, others []T) (out []T) {
	for _, v := range list {
		if !slices.Contains(others, v) && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
