package backupstore

import (
	"cmp"
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
	// maxUnread is how many errors of directories are reported one by one.
	maxUnread = 10
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

// look is what was found, and what could not be looked at.
type look struct {
	backups map[string]*Scanned // by path, without the suffixes of its files
	unread  map[string]error    // by directory
	tooDeep string              // a directory that is too deep
	odd     error               // about the share as a whole

	nameless map[string]error // by file: a _metadata that should identify its backup, and does not
	left     []string         // directories with an old backup's files but no _metadata
	links    []string         // symbolic links out of the share
	bucket   string           // a directory with backups of object store drivers
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

// lost reports whether dir or one above it could not be read.
func (l *look) lost(dir string) bool {
	for ; ; dir = path.Dir(dir) {
		if l.unread[dir] != nil {
			return true
		}
		if dir == "." {
			return false
		}
	}
}

// errors returns what an operator has to know about what could not be looked at; again says that
// there was an earlier look.
func (l *look) errors(again bool) []error {
	seen := "backups in it are not seen"
	if again {
		seen = "backups in it are shown as they were, new ones are not seen"
	}
	var all []error
	for dir, err := range l.unread {
		all = append(all, fmt.Errorf("directory %s cannot be read, %s: %w", dir, seen, advised(err)))
	}
	all = few(all, "directories cannot be read")
	var nameless []error
	for file, err := range l.nameless {
		nameless = append(nameless, fmt.Errorf("%s_metadata cannot be used, and it alone says which backup it is (of a Cinder before 11.0); "+
			"that backup is not seen: %w", file, advised(err)))
	}
	all = append(all, few(nameless, "such files cannot be used")...)
	var links []error
	for _, link := range l.links {
		links = append(links, fmt.Errorf("%s is a symbolic link that leads out of the share: it is not followed, and backups behind it "+
			"are not seen (give the directory that it leads to as the share, or bind-mount it in the link's place)", link))
	}
	all = append(all, few(links, "symbolic links lead out of the share")...)
	if l.bucket != "" {
		all = append(all, fmt.Errorf("directory %s holds files of Cinder's S3, Swift or Google backup driver "+
			"(volume_ID/TIME/az_ZONE_backup_ID-00001), as in a copy of a bucket: restorefs does not read these yet, "+
			"only what the NFS and posix drivers wrote", l.bucket))
	}
	if l.odd != nil {
		all = append(all, l.odd)
	}
	if l.tooDeep != "" {
		all = append(all, fmt.Errorf("directory %s is more than %d levels deep: it and others like it are not looked at", l.tooDeep, scanDepth))
	}
	return all
}

// few sorts errors and keeps maxUnread of them; what says what the others are about.
func few(all []error, what string) []error {
	slices.SortFunc(all, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	if n := len(all) - maxUnread; n > 0 {
		all = append(all[:maxUnread], fmt.Errorf("%d more %s", n, what))
	}
	return all
}

// notes returns what is no error, but an operator may want to know.
func (l *look) notes() []string {
	slices.Sort(l.left)
	var all []string
	for _, dir := range l.left[:min(len(l.left), maxUnread)] {
		all = append(all, fmt.Sprintf("directory %s holds files of a backup that a Cinder before 11.0 did not finish or delete as a whole: "+
			"%s-00001 and others, and no %s_metadata, so that nothing says of which volume they are", dir, format.OldPrefix, format.OldPrefix))
	}
	if n := len(l.left) - maxUnread; n > 0 {
		all = append(all, fmt.Sprintf("%d more directories hold such files", n))
	}
	return all
}

// advised adds to an error what to do about it.
func advised(err error) error {
	var says interface{ Advice() string } // shares that know better
	switch {
	case errors.As(err, &says) && says.Advice() != "":
		return err
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (run restorefs as root or as the user that cinder-backup runs as; on an export with root_squash only the latter may)", err)
	case errors.Is(err, share.ErrStale):
		return fmt.Errorf("%w (the server does not know this mount any more: mount the share again)", err)
	}
	return err
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
