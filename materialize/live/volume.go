package live

import (
	"container/list"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restorefs/restorefs/cache/private"
	"github.com/restorefs/restorefs/fusefs/overlay/claim"
)

// Range is a range of bytes of a volume.
type Range = struct{ Off, Len int64 }

// Source is the backup's volume as it is copied and compared: a Source of package materialize. It
// is safe for concurrent use.
type Source interface {
	Size() int64
	// Align is the size in bytes of the blocks that Differs compares, and reads are cheapest in.
	Align() int
	// Runs splits the volume into ranges that are best read front to back by one reader each.
	Runs(ctx context.Context) iter.Seq2[Range, error]
	// ReadAt fills p with the verified bytes at off, or fails.
	ReadAt(ctx context.Context, p []byte, off int64) error
	// NextData returns the first range [start, stop) of [off, end) that is not known to be zero,
	// start == stop if there is none.
	NextData(ctx context.Context, off, end int64) (start, stop int64, err error)
	// Differs returns, in order, the ranges in which p differs from the volume at off, by digests.
	// The error is errors.ErrUnsupported if there are none there.
	Differs(ctx context.Context, p []byte, off int64) ([]Range, error)
}

// Base is the backup's volume as the guest reads it, through a cache. It is safe for concurrent
// use.
type Base interface {
	ReadAt(ctx context.Context, p []byte, off int64) error
}

// Device is where the volume comes to lie. It is safe for concurrent use; calls do not overlap in
// the bytes that they write.
type Device interface {
	ReadAt(p []byte, off int64) error
	WriteAt(p []byte, off int64) error
	// Zero makes n bytes zero, whatever they were.
	Zero(off, n int64) error
	// Sync returns when all that was written is on stable storage. After it has failed what was
	// written may be lost.
	Sync() error
}

// Options of Create and Open.
type Options struct {
	// Damaged says whether an error of the backup means that it is damaged, so that trying again is
	// of no use. nil: none does.
	Damaged func(error) bool
	// Final says whether another error of the backup will be there again however often it is tried,
	// as one of too little memory. nil: none will.
	Final  func(error) bool
	Logger *slog.Logger // nil: nothing is logged

	flushEvery time.Duration // for tests; 0: flushEvery
	givesWay   time.Duration // for tests; 0: givesWay
	maxPages   int           // for tests; 0: maxPages
}

const (
	// flushEvery is how long a write of the guest may stay without being made safe, as the commit
	// interval of ext4, and how often what was copied is noted.
	flushEvery = 5 * time.Second

	// maxPages bounds the pages of the map in memory, 8 KiB each: 62 GiB of volume in use at a
	// time.
	maxPages = 1024
	// dirtyPart of them may be dirty before a writer has to sync first.
	dirtyPart = 2
)

// Volume is the volume that the guest uses while it is restored. It is safe for concurrent use,
// except that Close comes last.
type Volume struct {
	header *header
	src    Source
	base   Base
	dev    Device
	file   file
	log    *slog.Logger
	o      Options

	// token holds one value; the goroutine that has taken it may write the state file.
	token    chan struct{}
	changing claim.Ranges // being changed on the device
	gate     gate
	passed   atomic.Int64 // bytes of data that were copied, or found valid or lost
	zeroes   atomic.Int64 // bytes of holes that were made zero
	copied   atomic.Int64 // bytes that were read to be copied
	proven   atomic.Int64 // bytes that were compared
	repaired atomic.Int64 // bytes that were wrong on the device, and written again

	mu      sync.Mutex
	pages   map[int64]*page
	recent  list.List // all pages, the most recently used in front
	dirty   int       // pages with bits that are not in the state file
	written uint64    // the guest's changes
	synced  uint64    // how many of those are on stable storage
	failed  error     // why nothing can be written any more
	flush   *time.Timer
	last    record          // as it is in the state file
	zeroed  int64           // holes of the backup below this offset are zero on the device
	spoiled int64           // from here on a hole may not be zero any more; the size: none is
	lost    map[int64]int64 // ranges that the backup cannot give: length by offset
	lostTo  int64           // the end of the one that was found last
}

func newVolume(f file, h *header, last record, src Source, base Base, dev Device,
	o Options) *Volume {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.flushEvery == 0 {
		o.flushEvery = flushEvery
	}
	if o.maxPages == 0 {
		o.maxPages = maxPages
	}
	if o.givesWay == 0 {
		o.givesWay = givesWay
	}
	for _, says := range []*func(error) bool{&o.Damaged, &o.Final} {
		if *says == nil {
			*says = func(error) bool { return false }
		}
	}
	return &Volume{header: h, src: src, base: base, dev: dev, file: f, log: o.Logger, o: o,
		token: make(chan struct{}, 1), pages: map[int64]*page{}, last: last, zeroed: last.zeroed,
		spoiled: h.key.Size, lost: map[int64]int64{}, gate: gate{most: o.givesWay}}
}

// Create begins a restore onto a device that may be written, with a new state file at path.
func Create(path string, key Key, names Names, src Source, base Base, dev Device,
	o Options) (*Volume, error) {
	f, err := openFile(path, true)
	if err != nil {
		return nil, fmt.Errorf("make the state file: %w", err)
	}
	if _, _, err := readFile(f); !errors.Is(err, ErrNone) {
		f.Close()
		if err == nil {
			err = errors.New("a restore was begun already")
		}
		return nil, fmt.Errorf("make the state file %s: %w", path, err)
	}
	if err := mayBeMade(f, key); err != nil {
		f.Close()
		return nil, fmt.Errorf("make the state file %s: %w", path, err)
	}
	v, err := create(f, key, names, src, base, dev, o)
	if err == nil {
		err = private.SyncDir(filepath.Dir(path), nil)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("make the state file %s: %w", path, err)
	}
	return v, nil
}

func create(f file, key Key, names Names, src Source, base Base, dev Device,
	o Options) (*Volume, error) {
	if err := key.check(); err != nil {
		return nil, err
	}
	if len(names.Device) > maxPathLen || len(names.Mapper) > maxNameLen {
		return nil, errors.New("a name is too long")
	}
	h := &header{key: key, names: names, created: time.Now().UTC().Truncate(time.Second)}
	rand.Read(h.nonce[:])
	first := record{generation: 1, phase: Filling, open: true}
	if err := makeFile(f, h, first); err != nil {
		return nil, err
	}
	return newVolume(f, h, first, src, base, dev, o), nil
}

// Open goes on with a restore of that backup onto that device. The error is ErrNone, ErrInUse,
// ErrOther, ErrDamaged or ErrVersion.
func Open(path string, key Key, src Source, base Base, dev Device, o Options) (*Volume, error) {
	f, err := openFile(path, false)
	if err != nil {
		return nil, fmt.Errorf("open the state file: %w", err)
	}
	v, err := open(f, key, src, base, dev, o)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open the state file %s: %w", path, err)
	}
	return v, nil
}

func open(f file, key Key, src Source, base Base, dev Device, o Options) (*Volume, error) {
	h, last, err := readFile(f)
	if err != nil {
		return nil, err
	}
	if err := h.key.same(key); err != nil {
		return nil, err
	}
	if last.open {
		last.zeroed = 0 // the guest may have written there, and that was not made safe
	}
	next := last
	if next.phase, err = last.phase.After(Reopened, last.lost > 0); err != nil {
		return nil, damaged("%v", err)
	}
	v := newVolume(f, h, last, src, base, dev, o)
	if next.phase == HandingOver && last.lost > 0 {
		if err := v.findLost(context.Background()); err != nil {
			return nil, err
		}
	}
	next.open = true
	if err := v.record(next); err != nil {
		return nil, err
	}
	return v, nil
}

// same says what differs between the key of a state file and that of what is there.
func (k Key) same(now Key) error {
	switch {
	case k.Backup != now.Backup:
		return fmt.Errorf("%w: it is of backup %s", ErrOther, k.Backup)
	case k.Size != now.Size:
		return fmt.Errorf("%w: it is of a volume of %d bytes, this one has %d", ErrOther, k.Size,
			now.Size)
	case k.Content != now.Content:
		return fmt.Errorf("%w: when it was made the backup of this id had other contents", ErrOther)
	case k.Device != now.Device || k.DeviceSize != now.DeviceSize:
		return fmt.Errorf("%w: it is of another device: %s, of %d bytes; this one is %s, of %d",
			ErrOther, k.Device, k.DeviceSize, now.Device, now.DeviceSize)
	}
	return nil
}

// Size is the volume's size in bytes.
func (v *Volume) Size() int64 { return v.header.key.Size }

// ID identifies this restore among all, also among those of the same backup: hexadecimal digits.
func (v *Volume) ID() string { return v.header.id() }

// Written says whether the guest has changed anything, or tried to, since the volume was opened.
func (v *Volume) Written() bool {
	written, _ := v.state()
	return written > 0
}

// Phase is how far the restore is.
func (v *Volume) Phase() Phase {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last.phase
}

// record writes the next record. The caller has the token, or nobody else has the volume yet.
func (v *Volume) record(next record) error {
	next.generation = v.last.generation + 1
	if err := writeRecord(v.file, v.header, next); err != nil {
		return fmt.Errorf("note how far it got: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last = next
	return nil
}

// take takes the token.
func (v *Volume) take(ctx context.Context) error {
	select {
	case v.token <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (v *Volume) give() { <-v.token }

// check says whether a range lies inside the volume.
func (v *Volume) check(off, n int64) error {
	if size := v.Size(); off < 0 || n < 0 || off > size || n > size-off {
		return fmt.Errorf("%d bytes at %d are outside of the volume of %d bytes", n, off, size)
	}
	return nil
}

func (v *Volume) state() (written uint64, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.written, v.failed
}

// Advance moves the restore to the next phase, durably: all that was written is made safe before.
func (v *Volume) Advance(ctx context.Context, e Event) (Phase, error) {
	if err := v.stillLost(ctx); err != nil {
		return v.Phase(), err
	}
	if err := v.commit(ctx, everything); err != nil {
		return v.Phase(), err
	}
	if err := v.take(ctx); err != nil {
		return v.Phase(), err
	}
	defer v.give()
	if err := v.stillZero(e); err != nil {
		return v.Phase(), err
	}
	next := v.snapshot()
	var err error
	if next.phase, err = next.phase.After(e, next.lost > 0); err != nil {
		return v.Phase(), err
	}
	next.open = true
	return next.phase, v.record(next)
}

// snapshot returns the record as it would be now.
func (v *Volume) snapshot() record {
	lost := v.Lost()
	v.mu.Lock()
	defer v.mu.Unlock()
	next := v.last
	next.zeroed, next.lost = min(v.zeroed, v.spoiled), 0
	for _, r := range lost {
		next.lost += r.Len
	}
	return next
}

// Close makes safe what was written and notes that nothing is missing from the map.
func (v *Volume) Close() error {
	ctx := context.Background()
	v.mu.Lock()
	closed := errors.Is(v.failed, ErrClosed)
	v.mu.Unlock()
	if closed {
		return nil
	}
	err := v.commit(ctx, everything)
	v.token <- struct{}{}
	defer v.give()
	if err == nil {
		next := v.snapshot()
		next.open = false
		err = v.record(next)
	}
	v.mu.Lock()
	v.failed = ErrClosed
	if v.flush != nil {
		v.flush.Stop()
	}
	v.mu.Unlock()
	return errors.Join(err, v.file.Close())
}
