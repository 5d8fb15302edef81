package objects

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/restorefs/restorefs/backupstore/share"
)

const (
	// volumes is how the directories begin that Cinder's drivers make, one for each volume.
	volumes = "volume_"
	// maxKept bounds the objects that are known of directories below one that was listed; where
	// there are more, those are listed by themselves.
	maxKept = 256 << 10
	// maxDir bounds the names of one directory. With objects of 50 MiB these are 50 TiB.
	maxDir = 1 << 20
	// maxListed bounds what one listing may go through, wanted or not.
	maxListed = 16 << 20
	// maxKey is how many bytes S3 and Swift let a key have.
	maxKey = 1024
	// maxDeep bounds the directories that one name kept of a deep listing lies in; Cinder's
	// containers have three, and a scan goes no deeper than this.
	maxDeep = 16
)

// cost is what a name counts for against maxKept and maxDir: one of Cinder's 1, a long one more, so
// that these bound memory too.
func cost(name string) int { return 1 + len(name)/128 }

var errTooMany = errors.New("it has more names than can be")

// listing is what a directory holds.
type listing struct {
	files []Info // their Key is the name
	dirs  []string
	size  int // the cost of these, and 1
}

// ReadDir implements share.Share.
//
// Of a directory that Cinder's drivers make for a volume all objects below are listed at once, for
// the directories in it to be asked for next: a volume's backups take one request for each thousand
// objects then, and not one each.
func (s *Share) ReadDir(ctx context.Context, dir string, want func(name string) bool) (
	entries []share.Entry, own share.Stamp, err error) {
	if dir != "." && !fs.ValidPath(dir) {
		return nil, own, &fs.PathError{Op: "list", Path: dir, Err: fs.ErrInvalid}
	}
	l := s.take(dir)
	if l == nil {
		call := s.outage.Begin()
		l, err = s.list(ctx, dir, want)
		call.End()
	}
	if ctx.Err() != nil {
		return nil, own, ctx.Err()
	}
	if err != nil {
		return nil, own, err
	}
	for _, info := range l.files {
		if want(info.Key) {
			entries = append(entries, share.Entry{Name: info.Key, Size: info.Size,
				ModTime: info.Modified, Stamp: stampOf(info)})
		}
	}
	for _, name := range l.dirs {
		entries = append(entries, share.Entry{Name: name, Mode: fs.ModeDir})
	}
	return entries, own, nil
}

// take returns what is known of a directory, and forgets it: a second time it may be out of date.
func (s *Share) take(dir string) *listing {
	s.mu.Lock()
	defer s.mu.Unlock()
	if dir == "." { // a new look
		clear(s.seen)
		s.kept = 0
		return nil
	}
	l := s.seen[dir]
	if l != nil {
		delete(s.seen, dir)
		s.kept -= l.size
	}
	return l
}

// list asks the store for a directory.
func (s *Share) list(ctx context.Context, dir string, want func(string) bool) (*listing, error) {
	if dir == "." {
		l, err := s.flat(ctx, s.o.Prefix, volumes, want)
		if err == nil && len(l.dirs) == 0 { // no driver of object stores has written here
			l, err = s.flat(ctx, s.o.Prefix, "", want)
		}
		return l, err
	}
	if strings.HasPrefix(path.Base(dir), volumes) {
		l, err := s.deep(ctx, dir, want)
		if !errors.Is(err, errTooMany) {
			return l, err
		}
	}
	return s.flat(ctx, s.o.Prefix+dir+"/", "", want)
}

// flat lists the names behind above that begin with start.
func (s *Share) flat(ctx context.Context, above, start string,
	want func(string) bool) (*listing, error) {
	l := new(listing)
	ctx, pages := withPages(ctx)
	seen := arrivals{pages: pages, most: maxListed}
	err := s.store.List(ctx, above+start, true, func(info Info) error {
		if err := seen.next(ctx, info.Key); err != nil {
			return err
		}
		name, ok := strings.CutPrefix(info.Key, above)
		if !ok {
			return errMalformed
		}
		name, isDir := strings.CutSuffix(name, "/")
		switch {
		case name == "" && isDir: // a marker for the directory itself, made by another program
			return nil
		case !isPath(name) || strings.Contains(name, "/"):
			s.tellOdd(info.Key)
			return nil
		case l.size >= maxDir:
			return errTooMany
		case isDir:
			l.size += cost(name)
			l.dirs = append(l.dirs, name)
		case want(name):
			info.Key = name
			info, err := sane(info)
			if err != nil {
				return err
			}
			l.size += cost(name)
			l.files = append(l.files, info)
		}
		return nil
	})
	return l, err
}

// deep lists all that is below a directory, and keeps what the directories in it hold.
func (s *Share) deep(ctx context.Context, dir string, want func(string) bool) (*listing, error) {
	above := s.o.Prefix + dir + "/"
	all := map[string]*listing{dir: new(listing)}
	size := 0
	ctx, pages := withPages(ctx)
	seen := arrivals{pages: pages, most: s.most}
	err := s.store.List(ctx, above, false, func(info Info) error {
		if err := seen.next(ctx, info.Key); err != nil {
			return err
		}
		rest, ok := strings.CutPrefix(info.Key, above)
		if !ok {
			return errMalformed
		}
		if rest == "" || strings.HasSuffix(rest, "/") { // markers for directories
			return nil
		}
		if !isPath(rest) || strings.Count(rest, "/") > maxDeep {
			s.tellOdd(info.Key)
			return nil
		}
		in, name := path.Split(dir + "/" + rest)
		l, more := within(all, path.Clean(in))
		if size += more; size > s.most {
			return errTooMany
		}
		if !want(name) {
			return nil
		}
		if size += cost(name); size > s.most {
			return errTooMany
		}
		l.size += cost(name)
		info.Key = name
		info, err := sane(info)
		l.files = append(l.files, info)
		return err
	})
	if err != nil {
		return nil, err
	}
	own := all[dir]
	delete(all, dir)
	if s.keep(all) {
		return own, nil
	}
	return nil, errTooMany
}

// within returns the listing of a directory, which it adds with those above it where they are new,
// and the cost of what it has added.
func within(all map[string]*listing, dir string) (l *listing, more int) {
	if l = all[dir]; l != nil {
		return l, 0
	}
	l = &listing{size: 1}
	for below := l; ; {
		all[dir] = below
		name := path.Base(dir)
		dir = path.Dir(dir)
		above, known := all[dir], true
		if above == nil {
			above, known = &listing{size: 1}, false
		}
		above.dirs = append(above.dirs, name)
		above.size += cost(name)
		more += 1 + cost(dir) + cost(name)
		if known {
			return l, more
		}
		below = above
	}
}

// keep has directories for take to return, if there is room.
func (s *Share) keep(all map[string]*listing) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := 0
	for _, l := range all {
		size += l.size
	}
	if s.kept+size > s.most {
		return false
	}
	for dir, l := range all {
		if old := s.seen[dir]; old != nil {
			s.kept -= old.size
		}
		s.seen[dir] = l
		s.kept += l.size
	}
	return true
}

// arrivals are the names of one listing as they come.
type arrivals struct {
	pages *pages
	most  int // names
	count int
	last  string // the greatest
}

// next takes a name, or says why the listing ends here.
func (a *arrivals) next(ctx context.Context, key string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(key) > maxKey {
		return errMalformed
	}
	if a.count++; a.count > a.most {
		return errTooMany
	}
	if a.count == 1 || key > a.last {
		a.pages.progress()
		a.last = key
	}
	return nil
}
