package backupstore

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/restorefs/restorefs/backupstore/scanned"
	"github.com/restorefs/restorefs/backupstore/share"
)

const (
	// scanDepth bounds how deep below the root containers are looked for. Cinder's own are three
	// levels deep; a configured one may be nested.
	scanDepth = 16
	// scanPath bounds the length of a directory's path, in bytes: Linux opens none of above 4 KiB.
	scanPath = scanned.MaxPath / 2
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
	share    share.Share
	memory   memory
	group    *errgroup.Group
	began    time.Time
	tells    bool // a listing of the share tells the stamps of what is in the directory
	interned *scanned.Interner

	mu   sync.Mutex
	look look
	made []*scanned.Facts // those of this look that nobody has been shown yet
}

// memory is what a look knows of those before it.
type memory struct {
	key     uint64                 // of listings
	backups map[string]*Scanned    // what the last look found, by path; nil: there was none
	root    *scanned.Dir           // nil: nothing is known
	margin  time.Duration          // see scanned.Stamp.Settled
	began   time.Time              // this look
	busy    func(path string) bool // files of the backup are in use
	// anew says that no directory is taken as unchanged by its stamp.
	anew bool
}

// scan looks at every directory of the share for backups, and does not resolve their parents. Those
// that are remembered and have not changed are taken from there.
func scan(ctx context.Context, s share.Share, m memory) (look, error) {
	whole := ctx
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(scanParallel)
	sc := &scanner{share: s, memory: m, group: group, began: m.began,
		interned: scanned.NewInterner(),
		look: look{backups: make(map[string]*Scanned, m.expected()), unread: map[string]error{},
			nameless: map[string]error{}}}
	if t, ok := s.(interface{ TellsStamps() bool }); ok {
		sc.tells = t.TellsStamps()
	}
	top := &visit{was: m.root}
	group.Go(func() error { return sc.walk(ctx, top, place{dir: ".", name: "."}) })
	if err := group.Wait(); err != nil {
		return look{}, err
	}
	if err := sc.place(whole); err != nil {
		return look{}, err
	}
	sc.shareIDs()
	sc.look.root = top.remember()
	// A server that is away for a moment must not make backups disappear.
	if len(sc.look.unread) > 0 {
		for file, b := range m.backups {
			if sc.look.lost(b.Container()) && sc.look.backups[file] == nil {
				sc.look.backups[file] = b
			}
		}
	}
	return sc.look, nil
}

// shareIDs makes the ids of parents those of the backups that are the parents. A share has many.
func (s *scanner) shareIDs() {
	ids := make([]string, 0, len(s.made))
	for _, f := range s.made {
		ids = append(ids, f.ID)
	}
	slices.Sort(ids)
	for _, f := range s.made {
		if i, ok := slices.BinarySearch(ids, f.ParentID); ok {
			f.ParentID = ids[i]
		}
	}
	s.made = nil
}

// expected returns how many backups there were.
func (m memory) expected() (n int) {
	if m.backups != nil {
		return len(m.backups)
	}
	known := scanned.Tree{Root: m.root}
	known.All(func(*scanned.Facts) bool { n++; return true })
	return n
}
