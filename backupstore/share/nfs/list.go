package nfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
)

const (
	// maxLinks bounds the symbolic links of one directory that are looked at.
	maxLinks = 100
	// maxKept bounds the names of one directory that are kept: two million backups' directories.
	maxKept = 1 << 21
	// maxPages bounds the answers that one directory takes.
	maxPages = 1 << 18
	// maxRestarts is how often a directory is read from its beginning because it changed.
	maxRestarts = 3
)

// ReadDir implements share.Share.
func (s *Share) ReadDir(ctx context.Context, name string,
	want func(string) bool) (entries []share.Entry, own share.Stamp, err error) {
	if s.closed.Load() {
		return nil, own, s.wrap("read directory", name, fs.ErrClosed)
	}
	err = s.do(ctx, "read directory", name, func() error {
		return s.in(ctx, name, func(h proto.Handle) (err error) {
			entries, own, err = s.list(ctx, name, h, want)
			return err
		})
	})
	return entries, own, err
}

func (s *Share) list(ctx context.Context, dir string, h proto.Handle,
	want func(string) bool) ([]share.Entry, share.Stamp, error) {
	for restarts := 0; ; restarts++ {
		l := listing{s: s, dir: dir, handle: h, want: want}
		err := l.read(ctx)
		changed := errors.Is(err, proto.BadCookie) || errors.Is(err, proto.NotSame)
		if !changed || restarts == maxRestarts {
			return l.entries, l.own, err
		}
	}
}

// listing is one walk through a directory.
type listing struct {
	s       *Share
	dir     string
	handle  proto.Handle
	want    func(string) bool
	links   int
	entries []share.Entry
	own     share.Stamp // of the directory, before it was listed
}

func (l *listing) read(ctx context.Context) error {
	seen := map[uint64]bool{} // where pages began, to notice a listing that goes in circles
	for at := (proto.Place{}); ; {
		page, err := l.s.server.ReadDir(ctx, l.handle, at)
		if err != nil {
			return err
		}
		if at == (proto.Place{}) {
			l.own = page.Dir.Stamp
		}
		for i := range page.Entries {
			if err := l.add(ctx, &page.Entries[i]); err != nil {
				return err
			}
		}
		if page.End {
			return nil
		}
		if seen[page.Next.Cookie] || page.Next.Cookie == 0 || len(seen) == maxPages {
			return errCircle
		}
		seen[page.Next.Cookie] = true
		at = page.Next
	}
}

var errCircle = errors.New("the server's listing of the directory does not end")

// add takes an entry into the listing if it is wanted.
func (l *listing) add(ctx context.Context, e *proto.Entry) error {
	if e.Name == "" || strings.ContainsAny(e.Name, "/\x00") {
		return fmt.Errorf("the server lists %q, which can be no file's name", e.Name)
	}
	wanted := l.want(e.Name)
	if e.Known && !wanted && !e.Node.Attr.Mode.IsDir() && e.Node.Attr.Mode != fs.ModeSymlink {
		return nil
	}
	out, err := l.look(ctx, e)
	if err != nil {
		return err
	}
	mode := out.Mode
	switch {
	case errors.Is(out.Err, fs.ErrNotExist):
		return nil // deleted since it was listed
	case out.Err != nil:
	case mode.IsDir():
		out = share.Entry{Name: e.Name, Mode: fs.ModeDir, Stamp: out.Stamp}
		if e.Node.Handle != "" {
			l.s.remember(path.Join(l.dir, e.Name), e.Node.Handle)
		}
	case wanted:
	case mode != fs.ModeSymlink:
		return nil
	default:
		if l.links++; l.links > maxLinks {
			return nil
		}
		leads, err := l.leadsOut(ctx, e.Node.Handle)
		if err != nil || !leads {
			return err
		}
		out = share.Entry{Name: e.Name, Mode: fs.ModeSymlink}
	}
	if len(l.entries) >= maxKept {
		return fmt.Errorf("the directory has more than %d names", maxKept)
	}
	l.entries = append(l.entries, out)
	return nil
}

// ofAll reports whether an error is not about one name but about the server: all other names would
// have it too, and wait for it as long.
func ofAll(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, proto.Grace)
}

// look asks for what the server has not told with the name. The error ends the listing.
func (l *listing) look(ctx context.Context, e *proto.Entry) (share.Entry, error) {
	err := e.Err
	if !e.Known && err == nil {
		e.Node, err = l.s.server.Lookup(ctx, l.handle, e.Name)
		switch {
		case ctx.Err() != nil:
			return share.Entry{}, ctx.Err()
		case ofAll(err) || errors.Is(err, share.ErrStale): // it is the directory that is stale
			return share.Entry{}, err
		}
	}
	if err != nil {
		err = l.s.wrap("look at", path.Join(l.dir, e.Name), err)
		return share.Entry{Name: e.Name, Err: err}, nil
	}
	a := e.Node.Attr
	out := share.Entry{
		Name: e.Name, Mode: a.Mode, Size: a.Stamp.Size, ModTime: modTime(a), Stamp: a.Stamp,
	}
	if !a.Mode.IsRegular() {
		out.Size = 0
	}
	return out, nil
}

func modTime(a proto.Attr) time.Time { return time.Unix(0, a.Stamp.Modified) }

// leadsOut reports whether a symbolic link may lead out of the share, by its text: it is not
// followed.
func (l *listing) leadsOut(ctx context.Context, h proto.Handle) (bool, error) {
	if h == "" {
		return true, nil
	}
	target, err := l.s.server.ReadLink(ctx, h)
	switch {
	case ctx.Err() != nil || ofAll(err):
		return false, err
	case err != nil: // a link that was deleted meanwhile leads nowhere
		return !errors.Is(err, fs.ErrNotExist), nil
	case strings.HasPrefix(target, "/"):
		return true, nil
	}
	// Each .. is counted where it stands: a name before it may be a link itself.
	depth := 0
	if l.dir != "." {
		depth = strings.Count(l.dir, "/") + 1
	}
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true, nil
			}
		default:
			depth++
		}
	}
	return false, nil
}
