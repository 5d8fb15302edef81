package disk

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"github.com/restorefs/restorefs/cache/private"
	"github.com/restorefs/restorefs/cache/private/lock"
)

const (
	// MinBytes is the smallest value of Options.Bytes.
	MinBytes = 16 << 20

	unitBytes  = 32 << 10  // the smallest entry
	maxUnit    = 8 << 20   // larger blocks are not kept
	slabBytes  = 256 << 20 // the largest slab file: 1 TiB of cache is 4096 open files
	minSlots   = 8         // a slab with fewer is not worth a file
	maxSlots   = slabBytes / unitBytes
	queueBytes = 4 << 20
)

// Options configure a Cache.
type Options struct {
	// Dir is the directory; it is made if it does not exist. Files in it that are not the cache's
	// are left alone.
	Dir string
	// Bytes bounds the size of the cache's files together. MinBytes or more.
	Bytes int64
	// Logger is told when the cache can no longer be written and when an entry is wrong. nil:
	// nothing is logged.
	Logger *slog.Logger
}

// ErrInUse is returned by Open when another process uses the directory.
var ErrInUse = errors.New("another process uses this disk cache")

// MemoryBytes is the most memory that a Cache bounded to n bytes takes: for each 32 KiB 8 bytes for
// the tag, 11 for the hash table and 1 for the clock; and the queue.
func MemoryBytes(n int64) int64 { return n/unitBytes*20 + queueBytes }

// Cache is an open directory. It is safe for concurrent use.
type Cache struct {
	root  *os.Root
	lock  *os.File
	log   *slog.Logger
	limit int64
	most  int64 // bytes of a slab: slabBytes, less in tests
	seed  maphash.Seed
	count counters
	ended context.Context // has ended: a Source asked with it answers from memory or fails

	queue  chan item
	queued atomic.Int64 // bytes in the queue
	spare  chan []byte  // buffers to be used again
	stop   chan struct{}
	loaded chan struct{} // closed once the directory's entries are in the table
	writer sync.WaitGroup
	full   atomic.Bool // nothing more is written: the disk is full or failed
	warned atomic.Bool // of an entry that was wrong

	mu      sync.Mutex
	closed  bool
	table   table
	slabs   map[int]*slab // by number
	classes map[int64]*class
	bytes   int64 // sum of the sizes of the slab files
}

// item is an entry to be written.
type item struct {
	key  key
	data []byte
}

// Open opens the cache in a directory. It fails with ErrInUse, or when the directory or its lock
// cannot be used, but not because of wrong files in it.
func Open(o Options) (*Cache, error) { return open(o, slabBytes) }

func open(o Options, most int64) (*Cache, error) {
	if o.Bytes < MinBytes && most == slabBytes {
		return nil, fmt.Errorf("a disk cache of %d bytes is too small: it needs %d or more",
			o.Bytes, int64(MinBytes))
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the disk cache: %w", err)
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open the disk cache: %w", err)
	}
	held, err := root.OpenFile(lockName, os.O_RDWR|os.O_CREATE|private.Flags, 0o600)
	if err == nil {
		if err = private.Check(held); err == nil {
			err = lock.Try(held, lock.Exclusive)
		}
		if err != nil {
			held.Close()
		}
	}
	if err != nil {
		root.Close()
		if errors.Is(err, lock.ErrHeld) {
			err = fmt.Errorf("%w: each mount needs a directory of its own", ErrInUse)
		}
		return nil, fmt.Errorf("lock the disk cache %s: %w", o.Dir, err)
	}
	c := &Cache{
		root: root, lock: held, log: o.Logger, limit: o.Bytes, most: most, seed: maphash.MakeSeed(),
		queue: make(chan item, queueBytes/unitBytes), spare: make(chan []byte,
			queueBytes/unitBytes), stop: make(chan struct{}), loaded: make(chan struct{}),
		table: newTable(int(o.Bytes / unitBytes)), slabs: map[int]*slab{},
		classes: map[int64]*class{},
	}
	var cancel context.CancelFunc
	c.ended, cancel = context.WithCancel(context.Background())
	cancel()
	c.writer.Go(c.write)
	return c, nil
}

// Close writes what is queued and gives up the directory. Volumes can still be read, but only from
// their sources. Closing twice is fine.
func (c *Cache) Close() error {
	c.mu.Lock()
	was := c.closed
	c.closed = true
	c.mu.Unlock()
	if was {
		return nil
	}
	close(c.stop)
	c.writer.Wait()
	c.full.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, s := range c.slabs {
		errs = append(errs, s.file.Close())
	}
	c.slabs, c.classes, c.table = nil, nil, table{}
	return errors.Join(append(errs, c.lock.Close(), c.root.Close())...)
}

// tag is the hash by which the table finds a key. It is seeded, so that data on the share cannot be
// chosen to make tags collide.
func (c *Cache) tag(k *key) uint64 { return max(1, maphash.Bytes(c.seed, k[:])) }

// has tells whether the table has an entry for k.
func (c *Cache) has(k *key) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	_, ok := c.find(c.tag(k))
	return ok
}

// read fills p with the bytes kept for k, unverified.
func (c *Cache) read(k *key, p []byte) bool {
	tag := c.tag(k)
	c.mu.Lock()
	var s *slab
	var i int
	if !c.closed {
		if id, ok := c.find(tag); ok {
			s, i = c.slot(id)
			s.recent[i] = true
		}
	}
	c.mu.Unlock()
	if s == nil || s.unit != int64(len(p)) {
		return false
	}
	if _, err := s.file.ReadAt(p, s.dataAt(i)); err != nil {
		if !errors.Is(err, fs.ErrClosed) { // evicted meanwhile
			c.wrong(k, "cannot be read", err)
		}
		return false
	}
	return true
}

// wrong drops the entry of k, which cannot be read or has another digest.
func (c *Cache) wrong(k *key, what string, err error) {
	c.count.corrupt.Add(1)
	tag := c.tag(k)
	c.mu.Lock()
	var s *slab
	var i int
	if !c.closed {
		if id, ok := c.find(tag); ok {
			s, i = c.slot(id)
			c.empty(s, i)
		}
	}
	c.mu.Unlock()
	if s != nil {
		// Otherwise the next process would use the entry and find it wrong again.
		_, _ = s.file.WriteAt(make([]byte, keyBytes), s.keyAt(i))
	}
	if !c.warned.Swap(true) {
		c.log.Warn("an entry of the disk cache "+what+
			" and is read from the share instead; more of these are only counted", "err", err)
	}
}
