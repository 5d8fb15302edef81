package backupstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/scanned"
	"github.com/restorefs/restorefs/backupstore/share"
)

// do runs f in parallel if the limit allows it, or else at once.
func (s *scanner) do(f func() error) error {
	if s.group.TryGo(f) {
		return nil
	}
	return f()
}

// visit is a directory that is being looked at. Each has one goroutine at a time, and those below
// theirs. All of a share's are in memory until the look is over, so they are small.
type visit struct {
	was *scanned.Dir // nil: it is not remembered
	// now is without what is below it, and with nil for each backup that has to be looked at again;
	// nil: it is as it was.
	now   *scanned.Dir
	below []visit
}

// place is where a visit is, and what is known of it before.
type place struct {
	dir   string
	name  string // its last element
	depth int
	told  share.Stamp // what the listing of the directory above told; zero: nothing
}

func (p place) to(name string) place {
	return place{dir: path.Join(p.dir, name), name: name, depth: p.depth + 1}
}

// remembered returns what is known of a directory in this one.
func (v *visit) remembered(name string) *scanned.Dir {
	if v.was == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(v.was.Dirs, name, func(d *scanned.Dir, name string) int {
		return strings.Compare(d.Name, name)
	})
	if !ok {
		return nil
	}
	return v.was.Dirs[i]
}

// known returns what is remembered of the backup with a prefix here, nil if nothing is.
func (v *visit) known(prefix string) *scanned.Facts {
	if v.was == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(v.was.Backups, prefix,
		func(f *scanned.Facts, prefix string) int {
			return strings.Compare(f.Prefix(), prefix)
		})
	if !ok {
		return nil
	}
	return v.was.Backups[i]
}

// remember returns what the next look has to know, when all below has been visited: what was known
// before, if nothing has changed. The visit cannot be used any more.
func (v *visit) remember() *scanned.Dir {
	d, dirs := v.now, []*scanned.Dir(nil)
	if d == nil {
		dirs = v.was.Dirs // until one differs
	} else if len(v.below) > 0 {
		dirs = make([]*scanned.Dir, len(v.below))
	}
	for i := range v.below {
		sub := v.below[i].remember()
		if d == nil && sub != dirs[i] {
			d, dirs = new(*v.was), slices.Clone(dirs)
		}
		dirs[i] = sub
	}
	v.below = nil
	if d == nil {
		return v.was
	}
	if len(d.Backups) > 0 && d.Name != "." && d.Backups[0] != nil {
		d.Name = path.Base(d.Backups[0].Container()) // the same, whose bytes are kept anyway
	}
	if n := len(d.Backups); n > 0 {
		d.Backups = slices.DeleteFunc(d.Backups, func(f *scanned.Facts) bool { return f == nil })
		if len(d.Backups) < n {
			d.Stamp = scanned.Stamp{}
		}
	}
	if dirs != nil {
		d.Dirs = dirs
	}
	if w := v.was; w != nil && w.Name == d.Name && w.Stamp == d.Stamp &&
		slices.Equal(w.Backups, d.Backups) && slices.Equal(w.Dirs, d.Dirs) {
		return w
	}
	return d
}

// walk visits a directory and those below it.
func (s *scanner) walk(ctx context.Context, v *visit, at place) error {
	if at.depth > scanDepth || len(at.dir) > scanPath {
		v.now = &scanned.Dir{Name: at.name}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.look.tooDeep == "" || at.dir < s.look.tooDeep {
			s.look.tooDeep = at.dir
		}
		return nil
	}
	same, err := s.unchanged(ctx, v, at)
	if err != nil {
		return err
	}
	var subdirs []share.Entry // with their stamps; nil if they are those that are known
	if same {
		s.keep(v)
	} else if subdirs, err = s.list(ctx, v, at); err != nil {
		return err
	}
	for i := range v.below {
		sub := &v.below[i]
		var below place
		if same {
			below = at.to(sub.was.Name)
		} else {
			below = at.to(subdirs[i].Name)
			below.told = subdirs[i].Stamp
		}
		if err := s.do(func() error { return s.walk(ctx, sub, below) }); err != nil {
			return err
		}
	}
	return nil
}

// keep takes from memory what is in a directory itself.
func (s *scanner) keep(v *visit) {
	if len(v.was.Backups) > 0 {
		s.mu.Lock()
		for _, f := range v.was.Backups {
			s.look.backups[f.Path] = s.remembered(f)
		}
		s.mu.Unlock()
	}
	if len(v.was.Dirs) > 0 {
		v.below = make([]visit, len(v.was.Dirs))
	}
	for i, d := range v.was.Dirs {
		v.below[i].was = d
	}
}

// remembered returns the backup that f was said of.
func (s *scanner) remembered(f *scanned.Facts) *Scanned {
	if was := s.memory.backups[f.Path]; was != nil && was.Facts == f {
		return was
	}
	return &Scanned{f, fine}
}

// list reads a directory. It returns the directories below, one for each visit.
func (s *scanner) list(ctx context.Context, v *visit, at place) ([]share.Entry, error) {
	dir := at.dir
	v.now = &scanned.Dir{Name: at.name}
	entries, own, err := s.share.ReadDir(ctx, dir, maybeBackup)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && dir == ".":
		return nil, fmt.Errorf("read the share %s: %w", s.share, advised(err))
	case errors.Is(err, fs.ErrNotExist): // deleted meanwhile
		return nil, nil
	case share.Away(err): // each other directory would wait as long
		return nil, err
	case err != nil:
		s.cannotRead(dir, err)
		// The stamps below it would outlive a look that trusts none.
		if v.was != nil && !s.memory.anew {
			s.forgetStamp(v)
		}
		return nil, nil
	}
	sets, subdirs, unread := s.sort(dir, entries)
	for sub, err := range unread {
		s.cannotRead(sub, err)
	}
	other := s.otherThan(dir, entries)
	if now := scanned.Of(own); now.Settled(s.began, s.memory.margin) && len(unread) == 0 && !other {
		v.now.Stamp = now
	}
	slices.SortFunc(subdirs, func(a, b share.Entry) int { return strings.Compare(a.Name, b.Name) })
	if len(subdirs) > 0 {
		v.below = make([]visit, len(subdirs))
	}
	for i := range subdirs {
		v.below[i].was = v.remembered(subdirs[i].Name)
	}
	if len(sets) == 0 {
		return subdirs, nil
	}
	facts := make([]*scanned.Facts, len(sets))
	v.now.Backups = facts
	for i, prefix := range slices.Sorted(maps.Keys(sets)) {
		set := sets[prefix]
		set.known = v.known(prefix)
		if err := s.do(func() (err error) {
			facts[i], err = s.take(ctx, set)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return subdirs, nil
}

// forgetStamp keeps what is known below a directory that cannot be read now.
func (s *scanner) forgetStamp(v *visit) {
	*v.now = *v.was
	v.now.Stamp = scanned.Stamp{}
}

// take loads a backup. It returns what is to be remembered of it.
func (s *scanner) take(ctx context.Context, set *fileSet) (*scanned.Facts, error) {
	file := path.Join(set.dir, set.name.Prefix)
	before := s.memory.backups[file]
	if before == nil && set.known != nil {
		before = s.remembered(set.known)
	}
	b, err := s.load(ctx, set, before)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case share.Away(err):
		return nil, err
	case b != nil && share.Away(b.unread):
		return nil, b.unread
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.Is(err, errUnfinished):
		s.look.left = append(s.look.left, set.dir)
	case err != nil:
		s.look.nameless[file] = err
	default:
		s.look.backups[b.Path] = b // not by file, which would be kept as well
		if before == nil || b.Facts != before.Facts {
			s.made = append(s.made, b.Facts)
		}
		if b.isFine() && !b.fresh && !set.fresh && !set.old() {
			return b.Facts, nil
		}
	}
	return nil, nil
}

func (s *scanner) cannotRead(dir string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look.unread[dir] = err
}

// maybeBackup reports whether a name may be that of a backup's file. Files with other names, such
// as the ".nfs..." of files that were deleted while open, are not looked at.
func maybeBackup(name string) bool {
	return len(name) > format.PrefixLen && strings.HasPrefix(name, "volume_") ||
		strings.HasPrefix(name, format.OldPrefix) || format.EndsAsKey(name)
}

// otherThan notes what in a directory may be backups but is not read, and reports whether there is
// anything.
func (s *scanner) otherThan(dir string, entries []share.Entry) (found bool) {
	for i := range entries {
		switch e := &entries[i]; {
		case e.Err == nil && e.Mode == fs.ModeSymlink && !maybeBackup(e.Name):
			found = true
			s.mu.Lock()
			s.look.links = append(s.look.links, path.Join(dir, e.Name))
			s.mu.Unlock()
		case e.Err == nil && e.Mode.IsRegular() && pastBucket(dir, e.Name):
			found = true
			s.mu.Lock()
			if s.look.bucket == "" || dir < s.look.bucket {
				s.look.bucket = dir
			}
			s.mu.Unlock()
		}
	}
	return found
}

// pastBucket reports whether a file is one of a bucket of which this directory shows too little to
// tell the volume: the share is a directory inside the copy.
func pastBucket(dir, name string) bool {
	if !format.EndsAsKey(name) || strings.HasPrefix(name, "volume_") {
		return false
	}
	_, ok := format.ParseIn(dir, name)
	return !ok
}
