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

// Find returns the backup that ref names: a backup id, a unique prefix of one
// (4 or more characters), VOLUME_ID@latest, or VOLUME_ID@TIME (the newest
// complete backup at or before TIME, RFC 3339 or YYYY-MM-DD[ HH:MM[:SS]], UTC
// where no zone is given; a day, a minute or a second counts up to its end).
// Volume ids can be shortened likewise. Errors wrap ErrNoBackup or
// ErrAmbiguous.
func (c *Catalog) Find(ref string) (*Backup, error) {
	ref = strings.TrimSpace(ref)
	volume, when, ok := strings.Cut(ref, "@")
	if ok {
		return c.findByTime(volume, when)
	}
	if len(ref) < 4 {
		return nil, fmt.Errorf("%w: %q is too short, give 4 characters of its id or more", ErrNoBackup, ref)
	}
	var found, volumes candidates
	var match *Backup
	for _, b := range c.Backups() {
		if hasPrefixFold(b.ID, ref) {
			found.add(b.ID)
			match = b
		}
		if hasPrefixFold(b.VolumeID, ref) {
			volumes.add(b.VolumeID)
		}
	}
	if found.n == 0 && volumes.n > 0 {
		return nil, fmt.Errorf("%w: %s is a volume; its newest backup is %s@latest, \"restorefs list --volume %s\" shows all", ErrNoBackup, ref, ref, ref)
	}
	return match, found.unique("backup", ref, c.share)
}

func (c *Catalog) findByTime(volume, when string) (*Backup, error) {
	until := time.Unix(1<<40, 0)
	before := ""
	if when != "latest" {
		var err error
		if until, err = parseWhen(when); err != nil {
			return nil, err
		}
		before = " at or before " + when
	}
	if len(volume) < 4 {
		return nil, fmt.Errorf("%w: %q is too short, give 4 characters of the volume's id or more", ErrNoBackup, volume)
	}
	var volumes candidates
	var match, other *Backup
	for _, b := range c.Backups() { // of a volume, oldest first
		if !hasPrefixFold(b.VolumeID, volume) {
			continue
		}
		volumes.add(b.VolumeID)
		switch {
		case b.CreatedAt.After(until):
		case b.State == Complete:
			match = b
		default:
			other = b
		}
	}
	if err := volumes.unique("backup of a volume", volume, c.share); err != nil {
		return nil, err
	}
	switch {
	case match != nil:
		return match, nil
	case other != nil:
		return nil, fmt.Errorf("%w: volume %s has no complete backup%s; %s is %s: %s", ErrNoBackup, volumes.first[0], before, other.ID, other.State, other.Problems[0])
	}
	return nil, fmt.Errorf("%w: volume %s has no backup%s; \"restorefs list --volume %s\" shows all", ErrNoBackup, volumes.first[0], before, volume)
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// candidates are the ids that a prefix could mean, each once: they come sorted
// or are unique.
type candidates struct {
	n     int
	first []string // some of them, for a message
	last  string
}

func (c *candidates) add(id string) {
	if id == c.last {
		return
	}
	c.n, c.last = c.n+1, id
	if len(c.first) < 5 {
		c.first = append(c.first, id)
	}
}

func (c *candidates) unique(what, ref string, where fmt.Stringer) error {
	switch {
	case c.n == 0:
		return fmt.Errorf("%w: no %s %s on the share %s; \"restorefs list --all\" shows what is there", ErrNoBackup, what, ref, where)
	case c.n > 1:
		more := ""
		if c.n > len(c.first) {
			more = fmt.Sprintf(" and %d more", c.n-len(c.first))
		}
		return fmt.Errorf("%w: %s could be %s%s; give more characters of it", ErrAmbiguous, ref, strings.Join(c.first, ", "), more)
	}
	return nil
}

// parseWhen returns the last moment of the time that s names.
func parseWhen(s string) (time.Time, error) {
	for _, f := range []struct {
		layout string
		lasts  time.Duration
	}{
		{time.RFC3339, time.Second}, {"2006-01-02 15:04:05", time.Second}, {"2006-01-02T15:04:05", time.Second},
		{"2006-01-02 15:04", time.Minute}, {"2006-01-02T15:04", time.Minute}, {"2006-01-02", 24 * time.Hour},
	} {
		t, err := time.Parse(f.layout, s)
		if err != nil {
			continue
		}
		if t.Nanosecond() != 0 { // the layouts of seconds take fractions too
			return t, nil
		}
		return t.Add(f.lasts - 1), nil
	}
	return time.Time{}, fmt.Errorf("%w: %q is neither \"latest\" nor a time such as 2026-11-22T18:46:01Z", ErrNoBackup, s)
}
