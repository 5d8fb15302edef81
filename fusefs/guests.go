package fusefs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/restorefs/restorefs/fusefs/inside"
)

// FilesOptions say how the files inside disks are shown.
type FilesOptions struct {
	// Own shows all files as those of the owner of the tree, who can read them whatever
	// their modes are; else owners and modes are those that the disk has.
	Own bool

	// MemoryBytes is what all file systems that are open may keep; 0: 32 MiB.
	MemoryBytes int64
}

const (
	// maxGuests bounds the disks whose file systems are open; the ones used last stay.
	maxGuests = 4
	// maxGuestFS bounds the file systems that are open, of all disks; the ones used last stay.
	maxGuestFS = 4
	// maxGuestCalls bounds the requests for files that are worked on, those that nobody
	// waits for any more among them.
	maxGuestCalls = 64

	defaultGuestBytes = 32 << 20

	// soon is how long a request is waited for before its caller is watched, which
	// takes a goroutine.
	soon = 2 * time.Millisecond

	// readBytes is the most that one read of a file system pins in the cache.
	readBytes = 1 << 20
)

// errGone is the error for the files of a disk that was written to.
var errGone = errors.New("the disk was written to: its files can be had from its partitions, " +
	"by the kernel")

// guests are the disks whose file systems are open.
type guests struct {
	t   *tree
	own bool
	opt inside.Options

	ctx   context.Context // ends with the mount
	end   context.CancelFunc
	slots chan struct{}
	calls sync.WaitGroup

	mu    sync.Mutex
	open  []*guestDisk // the one used last is the last
	order []guestPart  // whose file systems are open: the one used last is the last
	free  sync.Cond    // a disk is no longer used
}

// guestDisk is a disk that is open for its files.
type guestDisk struct {
	key  tableKey
	look lazy[*lookedAt]

	// Under guests.mu:
	used    int                         // calls that use it
	parts   map[string]*lazy[inside.FS] // by the names of parts
	handles map[*guestHandle]bool       // those that hold a file of it
}

// guestPart is a part of a disk.
type guestPart struct {
	disk *guestDisk
	name string
}

// lookedAt is a disk and what lies on it.
type lookedAt struct {
	disk Disk
	*inside.Disk
}

func newGuests(t *tree, o FilesOptions) *guests {
	bytes := o.MemoryBytes
	if bytes <= 0 {
		bytes = defaultGuestBytes
	}
	g := &guests{t: t, own: o.Own, slots: make(chan struct{}, maxGuestCalls)}
	g.opt = inside.Options{
		CacheBytes: bytes / maxGuestFS / 4, JournalBytes: bytes / maxGuestFS * 3 / 4,
	}
	g.free.L = &g.mu
	g.ctx, g.end = context.WithCancel(context.Background())
	return g
}

// call calls fn with the disk of a backup. It returns when fn does, or when ctx ends; then
// nothing that fn writes to may be looked at.
func (g *guests) call(ctx context.Context, b *Backup, fn func(*guestDisk, *lookedAt) error) error {
	if g.t.catalog.Written(b.ID) {
		return errGone
	}
	select {
	case g.slots <- struct{}{}:
	default:
		select {
		case g.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	done := make(chan error, 1)
	g.calls.Go(func() {
		defer func() { <-g.slots }()
		d := g.get(b)
		defer g.release(d)
		done <- g.guarded(d, func() error {
			looked, err := d.look.get(func() (*lookedAt, error) { return g.openDisk(b) })
			if err != nil {
				return err
			}
			return fn(d, looked)
		})
	})
	timer := time.NewTimer(soon)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// guarded calls fn. A fault of the reader of a file system, which a guest wrote, is an error: other
// disks are served by the same process. What was open of the disk is opened anew, as it may hold
// locks.
func (g *guests) guarded(d *guestDisk, fn func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			g.t.log.Error("a fault of restorefs while it read the files inside a disk: "+
				"please report it",
				"backup", d.key.id, "fault", fault, "stack", string(debug.Stack()))
			g.mu.Lock()
			g.giveUp(d)
			g.mu.Unlock()
			err = fmt.Errorf("a fault of restorefs: %v", fault)
		}
	}()
	return fn()
}

// get returns the entry for the disk of a backup, which stays until release. It waits while as many
// others as may be are used: no call uses two.
func (g *guests) get(b *Backup) *guestDisk {
	key := tableKey{b.ID, b.Size, b.CreatedAt.UnixNano()}
	g.mu.Lock()
	defer g.mu.Unlock()
	find := func() int {
		return slices.IndexFunc(g.open, func(d *guestDisk) bool { return d.key == key })
	}
	at := find()
	for at < 0 && g.busy() >= maxGuests {
		g.free.Wait()
		at = find()
	}
	var d *guestDisk
	if at >= 0 {
		d = g.open[at]
		g.open = slices.Delete(g.open, at, at+1)
	} else {
		d = &guestDisk{key: key, parts: map[string]*lazy[inside.FS]{},
			handles: map[*guestHandle]bool{}}
	}
	g.open = append(g.open, d)
	d.used++
	return d
}

// busy returns how many disks are used. g.mu is held.
func (g *guests) busy() (n int) {
	for _, d := range g.open {
		if d.used > 0 {
			n++
		}
	}
	return n
}

// release gives up what get returned, and closes the disks that were used longest ago.
func (g *guests) release(d *guestDisk) {
	var closing []*guestDisk
	g.mu.Lock()
	d.used--
	g.free.Broadcast()
	for i := 0; i < len(g.open) && len(g.open) > maxGuests; {
		if g.open[i].used > 0 {
			i++
			continue
		}
		closing = append(closing, g.open[i])
		g.giveUp(g.open[i])
		g.open = slices.Delete(g.open, i, i+1)
	}
	g.mu.Unlock()
	for _, d := range closing {
		d.close(g.t)
	}
}

// close closes all. No request may be running any more.
func (g *guests) close() {
	g.end()
	g.calls.Wait()
	g.mu.Lock()
	for _, d := range g.open {
		g.giveUp(d) // the kernel may release no handles where the connection broke
	}
	g.mu.Unlock()
	for _, d := range g.open {
		d.close(g.t)
	}
}

func (d *guestDisk) close(t *tree) {
	if looked, ok := d.look.made(); ok {
		if err := looked.disk.Close(); err != nil {
			t.log.Warn("cannot close the backup", "backup", d.key.id, "err", err)
		}
	}
}

// openDisk opens the disk of a backup, and looks what lies on it.
func (g *guests) openDisk(b *Backup) (*lookedAt, error) {
	disk, _, err := g.t.readable(g.ctx, b.ID, g.t.catalog.Open)
	if err != nil {
		return nil, err
	}
	looked, err := inside.Look(&guestReader{g.ctx, disk}, disk.Size())
	if err == nil {
		err = g.ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	return &lookedAt{disk, looked}, nil
}

// fs returns the file system in a part of the disk.
func (d *guestDisk) fs(g *guests, looked *lookedAt, name string) (inside.FS, error) {
	at := slices.IndexFunc(looked.Parts, func(p *inside.Part) bool { return p.Name == name })
	if at < 0 {
		return nil, fmt.Errorf("the disk has no part %s any more", name)
	}
	return g.part(d, name).get(func() (inside.FS, error) { return looked.Parts[at].Open(g.opt) })
}

// part returns the entry for the file system in a part, and gives up those that were used longest
// ago: a disk can have thousands of volumes, each with a journal.
func (g *guests) part(d *guestDisk, name string) *lazy[inside.FS] {
	g.mu.Lock()
	defer g.mu.Unlock()
	used := guestPart{d, name}
	g.order = append(slices.DeleteFunc(g.order,
		func(p guestPart) bool { return p == used }), used)
	for len(g.order) > maxGuestFS {
		g.giveUpPart(g.order[0])
	}
	l := d.parts[name]
	if l == nil {
		l = &lazy[inside.FS]{}
		d.parts[name] = l
	}
	return l
}

// giveUp gives up the file systems of a disk. g.mu is held.
func (g *guests) giveUp(d *guestDisk) {
	for name := range d.parts {
		g.giveUpPart(guestPart{d, name})
	}
}

// giveUpPart gives up a file system. g.mu is held.
func (g *guests) giveUpPart(p guestPart) {
	g.order = slices.DeleteFunc(g.order, func(other guestPart) bool { return other == p })
	delete(p.disk.parts, p.name)
	for h := range p.disk.handles {
		if h.n.part == p.name {
			h.last.Store(nil) // it would keep the file system in memory
			delete(p.disk.handles, h)
		}
	}
}

// hold has a handle keep an open file for its next call, unless it was released meanwhile, or the
// file system given up: neither would be let go again.
func (g *guests) hold(h *guestHandle, o *openedFile) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := o.disk.parts[h.n.part]
	if h.released || l == nil {
		return
	}
	if fs, ok := l.made(); ok && fs == o.fs {
		o.disk.handles[h] = true
		h.last.Store(o)
	}
}

// letGo has a handle keep nothing any more.
func (g *guests) letGo(h *guestHandle) {
	g.mu.Lock()
	defer g.mu.Unlock()
	h.released = true
	if last := h.last.Swap(nil); last != nil {
		delete(last.disk.handles, h)
	}
}

// guestReader is a disk as an io.ReaderAt.
type guestReader struct {
	ctx  context.Context
	disk Disk
}

// ReadAt implements io.ReaderAt. It gives all of p or an error.
func (r *guestReader) ReadAt(p []byte, off int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	done := 0
	for done < len(p) {
		n := min(len(p)-done, readBytes)
		data, err := r.disk.Read(r.ctx, off+int64(done), n)
		if err != nil {
			return 0, err
		}
		for _, s := range data.Slices() {
			done += copy(p[done:], s)
		}
		data.Release()
	}
	return done, nil
}

// lazy is made at the first use, by one for all who want it. What failed is tried again.
type lazy[T any] struct {
	mu      sync.Mutex
	waiting chan struct{} // closed when the one who makes it is done
	ok      bool
	value   T
}

func (l *lazy[T]) get(fn func() (T, error)) (T, error) {
	l.mu.Lock()
	for !l.ok && l.waiting != nil {
		waiting := l.waiting
		l.mu.Unlock()
		<-waiting
		l.mu.Lock()
	}
	if l.ok {
		defer l.mu.Unlock()
		return l.value, nil
	}
	done := make(chan struct{})
	l.waiting = done
	l.mu.Unlock()
	var value T
	err := errors.New("it was not made")
	defer func() { // also when fn panics: others wait
		l.mu.Lock()
		defer l.mu.Unlock()
		if err == nil {
			l.value, l.ok = value, true
		}
		l.waiting = nil
		close(done)
	}()
	value, err = fn()
	return value, err
}

// made returns what was made.
func (l *lazy[T]) made() (T, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.value, l.ok
}
