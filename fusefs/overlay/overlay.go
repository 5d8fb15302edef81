package overlay

import (
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/restorefs/restorefs/fusefs/overlay/claim"
)

// Base is the volume below an overlay: Key.Size bytes that never change. It is
// safe for concurrent use.
type Base interface {
	// ReadAt fills p whole with the bytes at off, or fails.
	ReadAt(ctx context.Context, p []byte, off int64) error

	// NextData returns the first range [start, stop) of [off, end) that is not
	// known to be zero, start == stop if there is none. It is cheap.
	NextData(ctx context.Context, off, end int64) (start, stop int64, err error)
}

// Overlay is a volume with what was written onto it. It is safe for concurrent
// use, except that Close must come last.
type Overlay struct {
	key  Key
	base Base
	log  *slog.Logger
	o    Options

	readOnly bool // nothing is written

	dir    storage
	header *header // set once, before exists
	index  file    // the map
	data   file    // set once, before exists

	// token holds one value; the goroutine that has taken it may create the
	// files and write the map.
	token chan struct{}

	changing claim.Ranges // being changed by a write or Zero

	mu      sync.Mutex
	exists  bool            // the files have been made
	pages   map[int64]*page // of the map, see pages.go
	recent  list.List       // all pages, the most recently used in front
	dirty   int             // number of pages with bits that the map file does not have
	written uint64          // number of changes of the data file
	synced  uint64          // how many of those are on stable storage
	failed  error           // why nothing can be written any more
	flush   *time.Timer     // runs Sync some time after a write; nil: none is due
}

// Options of Open.
type Options struct {
	// Logger; nil: nothing is logged.
	Logger *slog.Logger

	// flushEvery is how long a write may stay without a Sync; 0: flushEvery.
	flushEvery time.Duration
	maxDirty   int // 0: maxDirty
	maxPages   int // 0: maxPages
}

const (
	// flushEvery is like the commit interval of ext4: a crash loses unsynced
	// data only if it is more recent.
	flushEvery = 5 * time.Second

	// maxPages bounds the pages of the map in memory. 2048 are 248 GiB of
	// volume in use at a time, and 8 MiB.
	maxPages = 2048
	// maxDirty is the number of dirty pages at which a writer must sync first.
	maxDirty = maxPages / 2
)

func newOverlay(dir storage, index file, key Key, base Base, o Options) *Overlay {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.flushEvery == 0 {
		o.flushEvery = flushEvery
	}
	if o.maxDirty == 0 {
		o.maxDirty = maxDirty
	}
	if o.maxPages == 0 {
		o.maxPages = maxPages
	}
	return &Overlay{
		key: key, base: base, log: o.Logger, o: o, dir: dir, index: index,
		token: make(chan struct{}, 1), pages: map[int64]*page{},
	}
}

// Size is the volume's size in bytes.
func (o *Overlay) Size() int64 { return o.key.Size }

// take takes the token.
func (o *Overlay) take(ctx context.Context) error {
	select {
	case o.token <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o *Overlay) give() { <-o.token }

// check says whether a range lies inside the volume.
func (o *Overlay) check(off, n int64) error {
	if off < 0 || n < 0 || off > o.key.Size || n > o.key.Size-off {
		return fmt.Errorf("%d bytes at %d are outside of the volume of %d bytes", n,
			off, o.key.Size)
	}
	return nil
}

// wrap makes an Error of err.
func (o *Overlay) wrap(doing string, off int64, err error) error {
	return &Error{Backup: o.key.Backup, Doing: doing, Off: off, Err: err}
}
