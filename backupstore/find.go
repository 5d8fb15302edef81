package backupstore

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors of Find.
var (
	ErrNoBackup  = errors.New("no such backup")
	ErrAmbiguous = errors.New("ambiguous")
)

// Found is what a Ref names.
type Found struct {
	Backup *Backup
	// Notes say what the operator should know of how it was found: that a name could have meant
	// something else, or is a former one, or which moment a relative time is.
	Notes []string
}

// FoundVolume is the volume that a Ref names.
type FoundVolume struct {
	ID    string
	Notes []string // as those of Found
}

// Find returns the backup that ref names, as Lookup does.
func (c *Catalog) Find(ref string) (*Backup, error) {
	f, err := c.Lookup(ref)
	return f.Backup, err
}

// Lookup returns the backup that ref names (see [ParseRef] and [Select]), and what should be told
// of that. Times count from now, and from the local zone of the process. Errors wrap ErrNoBackup or
// ErrAmbiguous.
func (c *Catalog) Lookup(ref string) (Found, error) { return c.lookup(ref, false) }

// LookupBroken is Lookup for who can use a broken backup, too: where a moment names none that is
// complete, the newest broken one that has a chain.
func (c *Catalog) LookupBroken(ref string) (Found, error) { return c.lookup(ref, true) }

func (c *Catalog) lookup(ref string, broken bool) (Found, error) {
	r, err := ParseRef(ref, time.Now())
	if err != nil {
		return Found{}, err
	}
	r.broken = broken
	f, err := Select(c.Backups(), r)
	return f, c.nowhere(r, err)
}

// LookupVolume returns the volume that ref names: its id, the start of it, or a name, as
// [ParseVolumeRef] and [SelectVolume] take them. Errors are as those of Lookup.
func (c *Catalog) LookupVolume(ref string) (FoundVolume, error) {
	r, err := ParseVolumeRef(ref)
	if err != nil {
		return FoundVolume{}, err
	}
	f, err := SelectVolume(c.Backups(), r)
	return f, c.nowhere(r, err)
}

// nowhere says of a Ref that names nothing where that is so.
func (c *Catalog) nowhere(r Ref, err error) error {
	missing, ok := errors.AsType[*notNamedError](err)
	switch {
	case ok && len(c.Backups()) == 0:
		return fmt.Errorf("%w as %s: there are none at all on %s: is the share mounted, and is "+
			"this its directory?", ErrNoBackup, shown(r.Name), c)
	case ok:
		missing.where = " on the share " + c.share.String()
	}
	return err
}

// Select returns the backup of a snapshot that r names. backups are ordered as those of
// [Catalog.Backups].
//
// A Ref without a Moment names a backup by its id, by its name, or by the start of its id (4
// characters or more), or a volume that has no other backup. One with a Moment names a volume by
// its id, its newest name, a former one, the name of its backups, or the start of its id, and means
// the newest complete backup at or before that moment. What comes first here wins, and what else
// could have been meant is a note. Ids are taken in small and capital letters, names are not.
//
// Errors wrap ErrNoBackup, or are an *AmbiguousError.
func Select(backups []*Backup, r Ref) (Found, error) {
	f, err := selectOne(backups, r)
	if _, missing := errors.AsType[*notNamedError](err); missing && r.Moment != nil {
		// The text as a whole may be a name.
		if whole, err := selectOne(backups, r.whole()); err == nil {
			return whole, nil
		}
	}
	return f, err
}

func selectOne(backups []*Backup, r Ref) (Found, error) {
	names := newNaming(backups)
	if r.Moment == nil {
		return names.backup(r)
	}
	v, err := names.volume(r, true)
	if err != nil {
		return Found{}, err
	}
	b, err := v.at(*r.Moment)
	notes := v.notes
	if broken := v.brokenAt(*r.Moment); r.broken && broken != nil {
		switch {
		case b == nil:
			b, err = broken, nil
			notes = append(notes, fmt.Sprintf("%s is broken, and no complete backup of the volume "+
				"is as old", b.ID))
		case broken.CreatedAt.After(b.CreatedAt):
			notes = append(notes,
				fmt.Sprintf("%s is newer, and broken: its id names it", broken.ID))
		}
	}
	if r.Moment.Relative {
		notes = append(notes, fmt.Sprintf("%q is %s", r.Moment.Text, clock(r.Moment.Until)))
	}
	return Found{Backup: b, Notes: notes}, err
}

// SelectVolume returns the volume of a snapshot that r names: its id, its newest name, a former
// one, or the start of its id. Errors are as those of Select.
func SelectVolume(backups []*Backup, r Ref) (FoundVolume, error) {
	v, err := newNaming(backups).volume(r, false)
	if err != nil {
		return FoundVolume{}, err
	}
	return FoundVolume{ID: v.id, Notes: v.notes}, nil
}

// brokenAt returns the newest broken backup of a volume at or before a moment of which something
// can be read, nil if there is none.
func (v *named) brokenAt(m Moment) (newest *Backup) {
	for _, b := range v.backups { // oldest first
		if (m.Latest || !b.CreatedAt.After(m.Until)) && b.State == Broken && b.Chain() != nil {
			newest = b
		}
	}
	return newest
}

// at returns the newest complete backup of a volume at or before a moment.
func (v *named) at(m Moment) (*Backup, error) {
	var match, other *Backup
	for _, b := range v.backups { // oldest first
		switch {
		case !m.Latest && b.CreatedAt.After(m.Until):
		case b.State == Complete:
			match = b
		default:
			other = b
		}
	}
	before := ""
	if !m.Latest {
		before = " at or before " + m.Text
	}
	switch {
	case match != nil:
		return match, nil
	case other != nil:
		return nil, fmt.Errorf("%w: volume %s has no complete backup%s; %s is %s: %s", ErrNoBackup,
			v.id, before, other.ID, other.State, other.Problems[0])
	}
	return nil, fmt.Errorf("%w: volume %s has no backup%s, its oldest is of %s; "+
		"\"restorefs list --volume %s\" shows all", ErrNoBackup, v.id, before,
		clock(v.backups[0].CreatedAt), v.id)
}

// clock is a time as all of them are shown.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
