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
// complete backup at or before TIME, see parseWhen).
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
	if len(c.Backups()) == 0 {
		return nil, c.errEmpty(ref)
	}
	if found.n == 0 && volumes.n > 0 {
		return nil, fmt.Errorf("%w: %s is a volume; its newest backup is %s@latest, \"restorefs list --volume %s\" shows all", ErrNoBackup, ref, ref, ref)
	}
	return match, found.unique("backup", ref, c.share)
}

func (c *Catalog) errEmpty(ref string) error {
	return fmt.Errorf("%w as %s: there are none at all on %s: is the share mounted, and is this its directory?", ErrNoBackup, ref, c)
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
	for _, b := range c.Backups() { // by volume, oldest first
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
	if len(c.Backups()) == 0 {
		return nil, c.errEmpty(volume)
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

// candidates are the ids that a prefix could mean, each once, given ids that are sorted or unique.
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
		hint := ""
		if strings.Trim(ref, "0123456789abcdefABCDEF-") != "" {
			hint = " (an id is wanted, names are not looked at)"
		}
		return fmt.Errorf("%w: no %s %s%s on the share %s; \"restorefs list --all\" shows what is there",
			ErrNoBackup, what, ref, hint, where)
	case c.n > 1:
		more := ""
		if c.n > len(c.first) {
			more = fmt.Sprintf(" and %d more", c.n-len(c.first))
		}
		return fmt.Errorf("%w: %s could be %s%s; give more characters of it", ErrAmbiguous, ref, strings.Join(c.first, ", "), more)
	}
	return nil
}
