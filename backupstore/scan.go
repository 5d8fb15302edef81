package backupstore

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/share"
)

const (
	// scanDepth bounds how deep below the root containers are looked for. Cinder's own are three
	// levels deep; a configured one may be nested.
	scanDepth = 16
	// scanParallel bounds the directories and files that are read at the same time. On NFS the time
	// goes to round trips, not to the processor.
	scanParallel = 16
)

// ignoredDirs are directories that servers and file systems add by themselves. Those with snapshots
// hold every backup again, in earlier states: unfinished, or deleted since. A share that is a
// snapshot itself can be opened as such, SHARE/.snapshot/NAME.
var ignoredDirs = []string{
	".snapshot", "~snapshot", // NetApp, Isilon
	".zfs",       // OpenZFS
	".snapshots", // snapper
	".ckpt",      // Dell EMC
	"#snapshot",  // Synology
	"lost+found", // ext4
}

// scanner is one look at a share.
type scanner struct {
	share  share.Share
	seed   maphash.Seed
	before map[string]*Scanned // what the last look found
	group  *errgroup.Group

	mu   sync.Mutex
	look look
}

// scan looks at every directory of the share for backups, and does not resolve their parents. Those
// in before that have not changed are taken from there.
func scan(ctx context.Context, s share.Share, seed maphash.Seed, before map[string]*Scanned) (look, error) {
	whole := ctx
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(scanParallel)
	sc := &scanner{share: s, seed: seed, before: before, group: group,
		look: look{backups: map[string]*Scanned{}, unread: map[string]error{}, nameless: map[string]error{}}}
	group.Go(func() error { return sc.walk(ctx, ".", 0) })
	if err := group.Wait(); err != nil {
		return look{}, err
	}
	if err := sc.place(whole); err != nil {
		return look{}, err
	}
	// A server that is away for a moment must not make backups disappear.
	if len(sc.look.unread) > 0 {
		for file, b := range before {
			if sc.look.lost(b.Container) && sc.look.backups[file] == nil {
				sc.look.backups[file] = b
			}
		}
	}
	return sc.look, nil
}

// do runs f in parallel if the limit allows it, or else at once.
func (s *scanner) do(f func() error) error {
	if s.group.TryGo(f) {
		return nil
	}
	return f()
}

func (s *scanner) walk(ctx context.Context, dir string, depth int) error {
	if depth > scanDepth {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.look.tooDeep == "" || dir < s.look.tooDeep {
			s.look.tooDeep = dir
		}
		return nil
	}
	entries, err := s.share.ReadDir(ctx, dir, maybeBackup)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && dir == ".":
		return fmt.Errorf("read the share %s: %w", s.share, advised(err))
	case errors.Is(err, fs.ErrNotExist): // deleted meanwhile
		return nil
	case share.Away(err): // each other directory would wait as long
		return err
	case err != nil:
		s.cannotRead(dir, err)
		return nil
	}
	sets, subdirs, unread := s.sort(dir, entries)
	for sub, err := range unread {
		s.cannotRead(sub, err)
	}
	s.otherThan(dir, entries)
	for _, set := range sets {
		err := s.do(func() error {
			file := path.Join(dir, set.name.Prefix)
			b, err := s.load(ctx, set, s.before[file])
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case share.Away(err):
				return err
			case b != nil && share.Away(b.unread):
				return b.unread
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			switch {
			case errors.Is(err, errUnfinished):
				s.look.left = append(s.look.left, dir)
			case err != nil:
				s.look.nameless[file] = err
			default:
				s.look.backups[file] = b
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, sub := range subdirs {
		if err := s.do(func() error { return s.walk(ctx, sub, depth+1) }); err != nil {
			return err
		}
	}
	return nil
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
		strings.HasPrefix(name, format.OldPrefix) || ofBucket(name)
}

// ofBucket recognizes one or two files of each backup by the drivers of object stores
// (chunkeddriver.py of S3, Swift, Google: volume_ID/TIME/az_ZONE_backup_ID, where the zone is any
// text).
func ofBucket(name string) bool {
	name, ok := strings.CutSuffix(name, "_metadata")
	if !ok {
		if name, ok = strings.CutSuffix(name, "-00001"); !ok {
			return false
		}
	}
	const idLen = 36
	if len(name) <= idLen || strings.HasPrefix(name, "volume_") {
		return false
	}
	rest, id := name[:len(name)-idLen], name[len(name)-idLen:]
	return format.IsID(id) && strings.HasSuffix(rest, "_backup_")
}

// otherThan notes what in a directory may be backups but is not read.
func (s *scanner) otherThan(dir string, entries []share.Entry) {
	for i := range entries {
		switch e := &entries[i]; {
		case e.Err == nil && e.Mode == fs.ModeSymlink && !maybeBackup(e.Name):
			s.mu.Lock()
			s.look.links = append(s.look.links, path.Join(dir, e.Name))
			s.mu.Unlock()
		case e.Err == nil && e.Mode.IsRegular() && ofBucket(e.Name):
			s.mu.Lock()
			if s.look.bucket == "" || dir < s.look.bucket {
				s.look.bucket = dir
			}
			s.mu.Unlock()
		}
	}
}

// fileSet is the files of one backup as a directory lists them.
type fileSet struct {
	name     format.Name
	dir      string
	objects  map[uint32]int64 // number -> stored bytes, or unseen
	metadata *share.Entry
	digests  *share.Entry
	stored   int64
	newest   share.Entry // the file written last
	odd      []string    // those of its files that are not regular
	errs     []error     // from looking at its files
	listing  uint64
}

// unseen stands for the size of a file that could not be looked at.
const unseen = -1

// sort splits a directory's entries into backups and subdirectories, and finds those that may be
// either and cannot be looked at. Links are neither.
func (s *scanner) sort(dir string, entries []share.Entry) (sets map[string]*fileSet, subdirs []string, unread map[string]error) {
	sets, unread = map[string]*fileSet{}, map[string]error{}
	odd := map[string]string{}
	for i := range entries {
		e := &entries[i]
		n, ok := format.ParseName(e.Name)
		switch {
		case !ok && e.Err != nil:
			unread[path.Join(dir, e.Name)] = e.Err
			continue
		case e.Err == nil && e.Mode.IsDir():
			if !slices.Contains(ignoredDirs, e.Name) {
				subdirs = append(subdirs, path.Join(dir, e.Name))
			}
			continue
		case !ok:
			continue
		case e.Err == nil && !e.Mode.IsRegular():
			odd[e.Name] = n.Prefix
			continue
		}
		set := sets[n.Prefix]
		if set == nil {
			set = &fileSet{name: n, dir: dir, objects: map[uint32]int64{}}
			sets[n.Prefix] = set
		}
		set.add(n, e, s.seed)
	}
	for name, prefix := range odd {
		if set := sets[prefix]; set != nil {
			set.odd = append(set.odd, name)
		}
	}
	return sets, subdirs, unread
}

func (set *fileSet) add(n format.Name, e *share.Entry, seed maphash.Seed) {
	size := e.Size
	if e.Err != nil {
		set.errs = append(set.errs, e.Err)
		size = unseen
	} else {
		set.stored += size
		set.listing += maphash.Comparable(seed, listed{e.Name, size, e.ModTime.UnixNano()})
		if e.ModTime.After(set.newest.ModTime) {
			set.newest = *e
		}
	}
	switch n.Kind {
	case format.KindObject:
		set.objects[n.Number] = size
	case format.KindMetadata:
		set.metadata = e
	case format.KindDigests:
		set.digests = e
	}
}

// listed identifies a version of a file in a listing: it changes when the file is replaced.
type listed struct {
	name          string
	size, modTime int64
}
