package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// Index is what is known about where one object can be entered. It is safe for
// concurrent use.
type Index struct {
	store *Store
	key   Key
	name  string // of the complete file, in the store
	refs  int    // guarded by store.mu
	load  sync.Once
	used  atomic.Int64 // Unix seconds when the file was last marked as used

	mu       sync.RWMutex // never held across I/O
	c        contents
	frontier int64
	complete bool
	stored   bool // complete, and in the complete file
	memory   bool // nothing more is stored; sticky
	inMemory int  // bytes of records in memory
	builder  *Builder
	locked   bool // builder holds the lock on the partial file
	// generation counts how often everything was forgotten, so that a look-up
	// from before does not count against what came after.
	generation uint32
}

// Entry is a checkpoint without its State.
type Entry struct {
	In  int64 // place in the stored object, in bits
	Out int64 // decoded offset, in bytes

	loc        location
	rec        *[]byte
	generation uint32
}

// ErrGone says that a checkpoint cannot be loaded and that the index has
// forgotten it: its file was evicted, replaced or damaged. The caller decodes
// from the start of the object, or from where a decoder stands.
var ErrGone = errors.New("checkpoint is gone")

func (x *Index) entry(i int) Entry {
	s := x.c.slots[i]
	return Entry{In: s.in, Out: s.out, loc: s.loc, rec: s.rec, generation: x.generation}
}

// Before is the last checkpoint at or before the decoded offset out; false if
// there is none. It takes O(log n) and no I/O.
func (x *Index) Before(out int64) (Entry, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	i := x.c.after(out)
	if i == 0 {
		return Entry{}, false
	}
	return x.entry(i - 1), true
}

// Split cuts the decoded range [off, end) at checkpoints into parts of at least
// min bytes, to be decoded in parallel. It returns where parts start after the
// first one, which starts at off. Results come in order of Out.
func (x *Index) Split(off, end, min int64) []Entry {
	min = max(min, 1)
	x.mu.RLock()
	defer x.mu.RUnlock()
	var cuts []Entry
	for off < end-min {
		i := x.c.after(off + min - 1)
		if i == len(x.c.slots) || x.c.slots[i].out > end-min {
			break
		}
		cuts = append(cuts, x.entry(i))
		off = x.c.slots[i].out
	}
	return cuts
}

// Frontier is how many decoded bytes the index covers, counted from the start
// of the object. Building has to go on there. It falls back when a build stops
// early, to the last checkpoint, or when the index is dropped.
func (x *Index) Frontier() int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.frontier
}

// Complete reports whether the index covers the object to its end.
func (x *Index) Complete() bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.complete
}

// NextZero finds the first bytes of the decoded range [off, end) that are known
// to be zero: n bytes at start. If there are none, n is 0.
func (x *Index) NextZero(off, end int64) (start, n int64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	e := x.c.zeros.next(off, end)
	return e.off, e.end - e.off
}

// Checkpoint loads the checkpoint e. Its State belongs to the caller. If that
// fails, the error tells why (also ErrGone); the caller does without.
func (x *Index) Checkpoint(e Entry) (stream.Checkpoint, error) {
	c, err := x.loadCheckpoint(e)
	if err == nil {
		return c, nil
	}
	err = fmt.Errorf("load checkpoint at %d of the index of %s: %w", e.Out, x.key.Object, err)
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		return c, err // says nothing about the file
	}
	x.forget(e.generation, slog.LevelWarn, err)
	return c, fmt.Errorf("%w: %w", ErrGone, err)
}

func (x *Index) loadCheckpoint(e Entry) (stream.Checkpoint, error) {
	if e.rec != nil {
		c, err := x.store.codec.checkpoint(*e.rec, e.In, e.Out)
		c.State = bytes.Clone(c.State)
		return c, err
	}
	f, err := x.openRecords()
	if err != nil {
		return stream.Checkpoint{}, err
	}
	defer f.Close()
	p := make([]byte, e.loc.len())
	if err := readFull(f, p, e.loc.off()); err != nil {
		return stream.Checkpoint{}, err
	}
	x.touch()
	return x.store.codec.checkpoint(p, e.In, e.Out)
}

// openRecords opens the file that holds the records. It may be renamed from
// partial to complete at any time; offsets stay what they are.
func (x *Index) openRecords() (f file, err error) {
	names := []string{x.name + partialSuffix, x.name}
	x.mu.RLock()
	if x.stored {
		names[0], names[1] = names[1], names[0]
	}
	x.mu.RUnlock()
	for _, name := range names {
		if f, err = x.store.open(name); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return f, err
}

// touch marks the file as used, for eviction, at most once a minute.
func (x *Index) touch() {
	now := time.Now()
	if last := x.used.Load(); now.Unix()-last < 60 || !x.used.CompareAndSwap(last, now.Unix()) {
		return
	}
	// Best effort: at worst the file is evicted early.
	_ = x.store.root.Chtimes(x.name, now, now)
}

// Drop forgets everything and deletes the file: what was decoded with the
// index's help turned out to be wrong. Building starts anew; a Builder at work
// is cut off.
func (x *Index) Drop() {
	x.forget(x.now(), slog.LevelWarn, errors.New("data decoded with it is wrong"))
}

// Disown is Drop where nothing is known to be wrong, but nothing would tell
// either.
func (x *Index) Disown() {
	x.forget(x.now(), slog.LevelDebug,
		errors.New("what is decoded with it has no digests that would prove it"))
}

// now is the index's generation.
func (x *Index) now() uint32 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.generation
}

// forget drops the index as it was at generation, for the reason why, which is
// logged at that level.
func (x *Index) forget(generation uint32, level slog.Level, why error) {
	x.mu.Lock()
	if x.generation != generation {
		x.mu.Unlock()
		return
	}
	x.reset(contents{})
	locked := x.locked
	x.builder, x.locked = nil, false
	// A file that cannot even be read is not tried again.
	var errno syscall.Errno
	if errors.As(why, &errno) && errno != syscall.ENOENT {
		x.memory = true
	}
	x.mu.Unlock()
	x.store.log.Log(context.Background(), level, "seek index dropped, it is built anew",
		"object", x.key.Object, "reason", why)
	x.store.remove(x.name+partialSuffix, locked)
	x.store.remove(x.name, true)
}

// reset makes c all that is known. The caller holds x.mu.
func (x *Index) reset(c contents) {
	x.generation++
	x.c, x.frontier, x.inMemory = c, c.frontier(), 0
	x.complete, x.stored = false, false
}

// read fills an index in from the store, at its first use.
func (x *Index) read() {
	s := x.store
	if s.root == nil || len(x.key.Object) > maxObjectName {
		x.memory = true
		return
	}
	if x.readFinal() {
		return
	}
	f, err := s.open(x.name + partialSuffix)
	if err == nil {
		defer f.Close()
		var c contents
		if c, _, err = readPartial(f, f.size, x.key); err == nil {
			x.mu.Lock()
			x.reset(c)
			x.mu.Unlock()
			x.touch()
			return
		}
	}
	s.report(x.name+partialSuffix, x.key, err)
}

// readFinal fills an index in from its complete file, if there is one.
func (x *Index) readFinal() bool {
	f, err := x.store.open(x.name)
	if err == nil {
		defer f.Close()
		var c contents
		if c, err = readComplete(f, f.size, x.key); err == nil {
			x.mu.Lock()
			x.reset(c)
			x.complete, x.stored, x.frontier = true, true, x.key.DecodedBytes
			x.mu.Unlock()
			x.touch()
			return true
		}
	}
	x.store.report(x.name, x.key, err)
	return false
}

// Close gives the index back. It is called once for each Store.Index; what was
// recorded stays.
func (x *Index) Close() { x.store.release(x) }
