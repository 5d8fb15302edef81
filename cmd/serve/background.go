package serve

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restorefs/restorefs/backupstore"
)

// quiet is how long there must have been no reads before the indexer continues.
const quiet = 50 * time.Millisecond

// indexer completes the indexes of opened volumes, in the background and one step at a time. It
// gives way to readers. Opening all disks of a share makes a long queue, so it holds backups and
// not volumes, and opens these again.
type indexer struct {
	log      *slog.Logger
	open     func(context.Context, *backupstore.Backup) (*backupstore.Volume, error)
	reading  atomic.Int32 // reads under way
	lastRead atomic.Int64 // when the last one ended, in Unix nanoseconds

	mu    sync.Mutex
	seen  map[diskKey]bool
	done  int           // volumes
	now   IndexProgress // of the volume being indexed, or else of the last one
	queue []*backupstore.Backup
	more  chan struct{} // holds a value when queue has grown
}

func newIndexer(log *slog.Logger, catalog *backupstore.Catalog) *indexer {
	return &indexer{log: log, open: catalog.Open, seen: map[diskKey]bool{},
		more: make(chan struct{}, 1)}
}

// add queues the volume of a backup unless it has been queued before.
func (x *indexer) add(b *backupstore.Backup) {
	x.mu.Lock()
	if key := keyOf(b); !x.seen[key] {
		x.seen[key] = true
		x.queue = append(x.queue, b)
	}
	x.mu.Unlock()
	select {
	case x.more <- struct{}{}:
	default:
	}
}

// run indexes what is queued until ctx ends.
func (x *indexer) run(ctx context.Context) {
	for {
		select {
		case <-x.more:
		case <-ctx.Done():
			return
		}
		for b := x.next(); b != nil; b = x.next() {
			err := x.build(ctx, b)
			if ctx.Err() != nil {
				return
			}
			x.mu.Lock()
			x.done++
			x.mu.Unlock()
			if err != nil {
				x.log.Warn("not all of a backup can be indexed", "backup", b.ID, "err", err)
			} else {
				x.log.Info("backup indexed", "backup", b.ID)
			}
		}
	}
}

// build builds the index of one backup. A panic ends the work on that backup, and not the mount.
func (x *indexer) build(ctx context.Context, b *backupstore.Backup) (err error) {
	defer func() {
		if p := recover(); p != nil {
			x.log.Error("panic: a bug of restorefs, please report it", "panic", p,
				"stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	v, err := x.open(ctx, b)
	if err != nil {
		return err
	}
	return v.BuildIndex(ctx, backupstore.IndexOptions{Yield: x.yield,
		Progress: func(done, total int64) {
			x.mu.Lock()
			defer x.mu.Unlock()
			x.now = IndexProgress{Backup: b.ID, BytesDone: done, BytesTotal: total}
		}})
}

func (x *indexer) progress() IndexProgress {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.now
	p.Volumes, p.VolumesDone, p.VolumesWaiting = len(x.seen), x.done, len(x.seen)-x.done
	return p
}

func (x *indexer) next() *backupstore.Backup {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.queue) == 0 {
		return nil
	}
	b := x.queue[0]
	x.queue = x.queue[1:]
	return b
}

// read is called at the start of every read of a mounted disk, and done at its end.
func (x *indexer) read() (done func()) {
	x.reading.Add(1)
	return func() {
		x.lastRead.Store(time.Now().UnixNano())
		x.reading.Add(-1)
	}
}

// yield waits until there have been no reads for a while.
func (x *indexer) yield(ctx context.Context) error {
	for {
		wait := quiet
		if x.reading.Load() == 0 {
			if wait = quiet - time.Since(time.Unix(0, x.lastRead.Load())); wait <= 0 {
				return ctx.Err()
			}
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
