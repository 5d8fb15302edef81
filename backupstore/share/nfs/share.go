package nfs

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/nfs/proto"
)

const (
	// believed is how long the handle of a directory is taken for the one of its path: what the
	// kernel's client does without attribute changes (acdirmin in nfs(5)).
	believed = 30 * time.Second
	// maxDirs bounds the directories whose handles are remembered.
	maxDirs = 4096
)

// Options say how to read a share. The zero value is usable.
type Options struct {
	// Policy says how patient to be with the server.
	Policy share.Policy
	// ReadAhead bounds the memory for what is read ahead, in bytes, for all files together; 0 means
	// 16 MiB, less than 0 no read-ahead.
	ReadAhead int
	// Logger is told of a server that does not answer; nil: nothing is logged.
	Logger *slog.Logger
}

// Share is a share.Share on an NFS server. Open makes one.
type Share struct {
	spec   Spec
	policy share.Policy
	outage *share.Outage
	server *server
	closed atomic.Bool

	mu    sync.Mutex
	root  proto.Node
	stale bool // the server did not know the root any more
	dirs  *simplelru.LRU[string, dir]
}

// dir is a directory that was looked up.
type dir struct {
	handle proto.Handle
	at     time.Time
}

var _ share.Share = (*Share)(nil)

// server is what a Share has in common with its successors and its open files.
type server struct {
	proto.Client
	ahead *ahead
	users atomic.Int64
}

func (s *server) use() { s.users.Add(1) }

func (s *server) drop() {
	if s.users.Add(-1) == 0 {
		s.Client.Close()
	}
}

// of returns a Share of a directory of a server.
func of(spec Spec, o Options, outage *share.Outage, sv *server, root proto.Node) *Share {
	sv.use()
	s := &Share{spec: spec, policy: o.Policy, outage: outage, server: sv, root: root}
	s.dirs, _ = simplelru.NewLRU[string, dir](maxDirs, nil)
	return s
}

// String returns the share's URL.
func (s *Share) String() string { return s.spec.String() }

// Version returns the version of NFS that is spoken, such as "4.1".
func (s *Share) Version() string { return s.server.Version() }

// Waiting implements share.Share.
func (s *Share) Waiting() time.Duration { return s.outage.Waiting() }

// Close implements share.Share.
func (s *Share) Close() error {
	if !s.closed.Swap(true) {
		s.server.drop()
	}
	return nil
}

// Successor implements share.Share. The directory is another one if its file system or its number
// there has changed.
func (s *Share) Successor(ctx context.Context) (share.Share, error) {
	var now proto.Node
	err := s.do(ctx, "look up", ".", func() (err error) {
		now, err = s.server.Root(ctx, s.spec.Path)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	was, stale := s.root, s.stale
	s.mu.Unlock()
	if !stale && same(now, was) {
		return nil, nil
	}
	return of(s.spec, Options{Policy: s.policy}, s.outage, s.server, now), nil
}

// same reports whether two nodes are the same directory.
func same(a, b proto.Node) bool {
	x, y := a.Attr.Stamp, b.Attr.Stamp
	return x.Device == y.Device && x.Inode == y.Inode
}

// Become implements share.Share.
func (s *Share) Become(next share.Share) {
	n := next.(*Share)
	n.mu.Lock()
	root := n.root
	n.mu.Unlock()
	s.mu.Lock()
	s.root, s.stale = root, false
	s.dirs.Purge()
	s.mu.Unlock()
	n.Close()
}

// names splits the path of a file or directory of the share.
func names(op, name string) ([]string, error) {
	// Names of files are bytes, and need not be UTF-8.
	if strings.Contains(name, "\x00") || !fs.ValidPath(strings.ToValidUTF8(name, "x")) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return nil, nil
	}
	return strings.Split(name, "/"), nil
}

// directory returns the handle of a directory. fresh says that nothing remembered is to be used.
func (s *Share) directory(ctx context.Context, root proto.Handle, name string,
	fresh bool) (proto.Handle, error) {
	parts, err := names("open", name)
	if err != nil {
		return "", err
	}
	h, done := root, 0
	if !fresh {
		h, done = s.remembered(parts, root)
	}
	for ; done < len(parts); done++ {
		n, err := s.server.Lookup(ctx, h, parts[done])
		if err != nil {
			return "", err
		}
		if !n.Attr.Mode.IsDir() {
			return "", proto.NotDir
		}
		h = n.Handle
		s.remember(path.Join(parts[:done+1]...), h)
	}
	return h, nil
}

// remembered finds the deepest directory of a path that is remembered, and says how deep it is.
func (s *Share) remembered(parts []string, root proto.Handle) (proto.Handle, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := len(parts); n > 0; n-- {
		name := path.Join(parts[:n]...)
		if d, ok := s.dirs.Get(name); ok {
			if time.Since(d.at) < believed {
				return d.handle, n
			}
			s.dirs.Remove(name)
		}
	}
	return root, 0
}

func (s *Share) remember(name string, h proto.Handle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirs.Add(name, dir{h, time.Now()})
}

// in calls f with the handle of a directory. If the server does not know the handle, or does not
// find what f looks for, it is called once more with one that was just looked up, as the directory
// may have been replaced, and once more if the root has another handle now.
func (s *Share) in(ctx context.Context, name string, f func(proto.Handle) error) error {
	root := s.rootHandle()
	at := func(fresh bool) error {
		h, err := s.directory(ctx, root, name, fresh)
		if err != nil {
			return err
		}
		return f(h)
	}
	err := at(false)
	if errors.Is(err, share.ErrStale) || errors.Is(err, fs.ErrNotExist) {
		err = at(true)
	}
	if errors.Is(err, share.ErrStale) && s.refound(ctx, root) {
		root = s.rootHandle()
		err = at(true)
	}
	return err
}

func (s *Share) rootHandle() proto.Handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.root.Handle
}

// refound looks the root up again after the server did not know a handle. It reports whether the
// same directory has another handle now than was, which is then used.
func (s *Share) refound(ctx context.Context, was proto.Handle) bool {
	now, err := s.server.Root(ctx, s.spec.Path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if _, said := errors.AsType[proto.Status](err); said && !later(err) {
			s.stale = true
		}
		return false
	}
	if !same(now, s.root) {
		s.stale = true
		return false
	}
	if s.root.Handle != now.Handle {
		s.dirs.Purge()
		s.root = now
	}
	return now.Handle != was
}

// Open implements share.Share.
func (s *Share) Open(ctx context.Context, name string) (share.File, error) {
	if s.closed.Load() {
		return nil, s.wrap("open", name, fs.ErrClosed)
	}
	if _, err := names("open", name); err != nil || name == "." {
		return nil, s.wrap("open", name, cmp.Or(err, error(share.ErrNotRegular)))
	}
	var n proto.Node
	err := s.do(ctx, "open", name, func() error {
		return s.in(ctx, path.Dir(name), func(h proto.Handle) (err error) {
			start := time.Now()
			n, err = s.server.Lookup(ctx, h, path.Base(name))
			if _, said := errors.AsType[proto.Status](err); err == nil || said {
				// what was given up tells nothing of the network
				s.server.ahead.took(time.Since(start))
			}
			return err
		})
	})
	switch {
	case err != nil:
		return nil, err
	case !n.Attr.Mode.IsRegular():
		return nil, s.wrap("open", name, share.ErrNotRegular)
	}
	return newFile(s, name, n), nil
}
