package objects

import (
	"context"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/restorefs/restorefs/backupstore/share"
)

// Options are for New. The zero value is usable.
type Options struct {
	// Prefix of all keys, ending with "/" unless it is ""; paths do not have it.
	Prefix string
	// Bucket is the name of the bucket or container as Cinder knows it.
	Bucket string
	Policy share.Policy
	Logger *slog.Logger // nil: nothing is logged
	// MemoryBytes is the memory of the whole process, of which a share takes a small part: at most
	// a sixteenth, and 16 MiB, for what is read ahead, and an eighth, and some 64 MiB, for names of
	// objects during a look. 0: it takes as much as is of use.
	MemoryBytes int64
}

const (
	// aheadPart and namePart are what parts of MemoryBytes are read ahead, and may be names of
	// nameBytes each.
	aheadPart, namePart = 16, 8
	nameBytes           = 256
)

// readAhead is how many bytes of objects are in memory at most, before they are read and while they
// are.
func (o Options) readAhead() int {
	if o.MemoryBytes == 0 {
		return defaultAhead
	}
	return int(min(defaultAhead, max(o.MemoryBytes/aheadPart, blockBytes)))
}

// maxNames is how many names are kept of a look at most.
func (o Options) maxNames() int {
	if o.MemoryBytes == 0 {
		return maxKept
	}
	return int(min(maxKept, o.MemoryBytes/namePart/nameBytes))
}

// Share implements share.Share.
type Share struct {
	store  Store
	o      Options
	outage *share.Outage
	ahead  *ahead
	most   int // names in seen, and of a deep listing

	mu   sync.Mutex
	seen map[string]*listing // of directories whose parents were listed, until they are asked for
	kept int                 // entries in seen
	odd  bool                // a key that is no path was told
}

// New returns the share that a store is. It asks the store for nothing.
func New(store Store, o Options) *Share {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Share{
		store: store, o: o, outage: share.NewOutage(store.String(), o.Logger),
		ahead: newAhead(o.readAhead()), most: o.maxNames(), seen: map[string]*listing{},
	}
}

// Bucket returns the name under which Cinder knows the share, "" if what is in it has other keys
// there.
func (s *Share) Bucket() string {
	if s.o.Prefix != "" {
		return ""
	}
	return s.o.Bucket
}

// String implements share.Share.
func (s *Share) String() string { return s.store.String() }

// Close implements share.Share.
func (s *Share) Close() error {
	s.store.Close()
	return nil
}

// Successor implements share.Share: a bucket has none.
func (s *Share) Successor(context.Context) (share.Share, error) { return nil, nil }

// Become implements share.Share. It is never called, as there are no successors.
func (s *Share) Become(next share.Share) { next.Close() }

// Waiting implements share.Share.
func (s *Share) Waiting() time.Duration { return s.outage.Waiting() }

// Look implements share.Share. Of a directory a store tells nothing.
func (s *Share) Look(ctx context.Context, dir string, files []string) (own share.Stamp,
	of []share.Stamp, err error) {
	of = make([]share.Stamp, len(files))
	for i, name := range files {
		info, err := s.head(ctx, path.Join(dir, name))
		if err != nil {
			if ctx.Err() != nil {
				return own, nil, ctx.Err()
			}
			continue
		}
		of[i] = stampOf(info)
	}
	return own, of, nil
}

// head asks for an object.
func (s *Share) head(ctx context.Context, name string) (Info, error) {
	key, err := s.key(name)
	if err != nil {
		return Info{}, err
	}
	call := s.outage.Begin()
	defer call.End()
	info, err := s.store.Head(ctx, key)
	switch {
	case ctx.Err() != nil:
		return Info{}, ctx.Err()
	case err != nil:
		return Info{}, err
	}
	return sane(info)
}

// key returns the key of a path.
func (s *Share) key(name string) (string, error) {
	if !fs.ValidPath(name) || name == "." {
		return "", fmt.Errorf("open %s: %w", name, fs.ErrInvalid)
	}
	return s.o.Prefix + name, nil
}

// sane checks what a store says of an object.
func sane(info Info) (Info, error) {
	if info.Size < 0 {
		return info, fmt.Errorf("%s: %w: a length of %d", info.Key, errMalformed, info.Size)
	}
	if len(info.ETag) > maxKey {
		return info, fmt.Errorf("%s: %w: a long ETag", info.Key, errMalformed)
	}
	info.Modified = info.Modified.UTC().Truncate(time.Second)
	return info, nil
}

// stampOf returns a stamp that differs where the object does: its ETag takes the place of an inode.
func stampOf(info Info) share.Stamp {
	h := fnv.New64a()
	h.Write([]byte(info.ETag))
	var at int64
	if !info.Modified.IsZero() {
		at = info.Modified.UnixNano()
	}
	return share.Stamp{Inode: h.Sum64(), Size: info.Size, Modified: at, Changed: at}
}

// isPath reports whether a key behind the prefix can be a path.
func isPath(key string) bool {
	return fs.ValidPath(key) && key != "." && !strings.Contains(key, "\x00")
}

// tellOdd logs once that there are keys that are no paths.
func (s *Share) tellOdd(key string) {
	s.mu.Lock()
	told := s.odd
	s.odd = true
	s.mu.Unlock()
	if !told {
		s.o.Logger.Warn("keys that can be no paths are passed over", "share", s.store.String(),
			"first", key)
	}
}
