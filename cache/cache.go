package cache

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"unique"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	defaultMemoryBytes = 128 << 20
	defaultSpanBytes   = 32 << 10 // a digest block as Cinder has them
	minSpans           = 16       // that the memory has room for
	maxRunBytes        = 4 << 20  // loaded by one call of Load
	copyBytes          = 1 << 20  // ReadAt pins this much at a time
)

// Options configures a Cache. Zero values mean the defaults.
type Options struct {
	// MemoryBytes bounds all buffers of the cache. Default 128 MiB; raised to 16 spans if less.
	MemoryBytes int64

	// SpanBytes is the unit of caching, rounded up to a multiple of each Source's Align: what a
	// read of one byte loads. Default 32 KiB.
	SpanBytes int

	// Loads bounds the concurrent calls of Source.Load on behalf of waiting readers. Default 4 for
	// each CPU, but 16 or more.
	Loads int

	// PrefetchWorkers bounds the concurrent calls of Source.Load ahead of readers, over all of
	// them. Default one for each CPU; negative: no prefetch.
	PrefetchWorkers int

	// MemoryFor returns how much memory the user has to give the whole program so that the cache
	// gets n bytes. Error messages name that amount; if MemoryFor is nil, they name what the cache
	// needs.
	MemoryFor func(n int64) int64

	// Logger gets failures of prefetch at debug level and panics during prefetch as errors. The
	// error of a read goes to its reader alone. Default: nothing is logged.
	Logger *slog.Logger
}

// Cache holds the spans of any number of volumes. It is safe for concurrent use.
type Cache struct {
	spanBytes   int
	memoryFor   func(n int64) int64
	prefetchers int           // workers
	slots       chan struct{} // one token for each Load of a reader
	zero        []byte        // read-only, all zero
	log         *slog.Logger
	count       counters
	debug       *debugging // tests only, else nil

	// tight tells View.Release, which otherwise does not take mu, that a reader waits for memory.
	// See settle.
	tight atomic.Bool

	background context.Context // of all prefetch
	stop       context.CancelFunc
	workers    sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	atRest  *simplelru.LRU[key, *span] // loaded spans, pinned or not
	aside   *simplelru.LRU[key, *span] // loaded along with others, not yet read by anybody
	loading map[key]*span              // claimed spans whose bytes are not there yet
	mem     memory
	urgent  int // readers waiting for memory or a slot: prefetch stands back
	ready   []*stream
	work    *sync.Cond // workers wait here; signalled when ready grows, urgent ends, closed is set
}

// New returns an empty cache and starts its prefetch workers; Close stops them.
func New(o Options) *Cache {
	if o.SpanBytes <= 0 {
		o.SpanBytes = defaultSpanBytes
	}
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = defaultMemoryBytes
	}
	if o.Loads <= 0 {
		o.Loads = max(16, 4*runtime.GOMAXPROCS(0))
	}
	if o.PrefetchWorkers == 0 {
		o.PrefetchWorkers = runtime.GOMAXPROCS(0)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Cache{
		spanBytes:   o.SpanBytes,
		memoryFor:   o.MemoryFor,
		prefetchers: max(0, o.PrefetchWorkers),
		slots:       make(chan struct{}, o.Loads),
		zero:        make([]byte, max(o.SpanBytes, 128<<10)),
		log:         o.Logger,
		loading:     make(map[key]*span),
		mem: memory{limit: max(o.MemoryBytes, minSpans*int64(o.SpanBytes)),
			free: make(map[int][][]byte)},
	}
	c.background, c.stop = context.WithCancel(context.Background())
	c.work = sync.NewCond(&c.mu)
	// The number of spans is bounded by the memory, not by the lists. NewLRU fails only for sizes
	// below 1.
	c.atRest, _ = simplelru.NewLRU[key, *span](math.MaxInt, nil)
	c.aside, _ = simplelru.NewLRU[key, *span](math.MaxInt, nil)
	for range c.prefetchers {
		c.workers.Go(c.prefetch)
	}
	return c
}

// Close stops prefetch, waits until it has stopped, and drops all spans. Reads that wait for memory
// and later reads fail with ErrClosed; loads that readers have begun finish; views stay valid until
// they are released. Closing twice is fine.
func (c *Cache) Close() {
	c.stop()
	c.mu.Lock()
	c.closed = true
	c.ready = nil
	c.settle()
	c.work.Broadcast()
	c.mu.Unlock()
	c.workers.Wait()
}

// Cached is one volume read through a Cache. It is safe for concurrent use, and needs no closing.
type Cached struct {
	c   *Cache
	id  unique.Handle[identity]
	src Source
	// tiered and deferring are src if that is one, else nil.
	tiered    Tiered
	deferring Deferring
	size      int64
	align     int
	span      int // bytes
	most      int // spans loaded by one Load at most
}

// Volume returns the volume that src serves. Those with the same id share their spans, so their
// sources must serve the same bytes.
func (c *Cache) Volume(id string, src Source) *Cached {
	v := &Cached{c: c, src: src, size: src.Size(), align: max(src.Align(), 1)}
	v.tiered, _ = src.(Tiered)
	v.deferring, _ = src.(Deferring)
	v.span = (c.spanBytes + v.align - 1) / v.align * v.align
	v.most = int(max(1, min(maxRunBytes, c.mem.limit/8)/int64(v.span)))
	v.id = unique.Make(identity{id: id, size: v.size, span: v.span})
	return v
}

// Size is the volume's size in bytes.
func (v *Cached) Size() int64 { return v.size }

// check refuses reads outside of the volume, and volumes whose spans do not fit
// into the memory.
func (v *Cached) check(off int64, n int) error {
	if off < 0 || n < 0 || off > v.size || int64(n) > v.size-off {
		return fmt.Errorf("read %d bytes at %d of volume %s (%d bytes): %w", n, off,
			v.id.Value().id, v.size, ErrRange)
	}
	if int64(v.span) > v.c.mem.limit/4 {
		need, advice := 4*int64(v.span), "raise the memory limit"
		if v.c.memoryFor != nil {
			advice = fmt.Sprintf("give --memory %dMiB or more", (v.c.memoryFor(need)+1<<20-1)>>20)
		}
		return fmt.Errorf("read volume %s: %w: its blocks of %d bytes need %d bytes or more, "+
			"there are %d: %s",
			v.id.Value().id, ErrMemory, v.align, need, v.c.mem.limit, advice)
	}
	return nil
}

// Read returns exactly the n bytes at off, pinned in memory until the View is released. It fails if
// ctx ends, with ErrRange if the volume has fewer bytes, or with the error of the Source for a
// block among those asked for; nothing is returned then.
//
// A read holds all the spans that it touches at the same time (see the package comment), so it
// should not be much larger than 1 MiB.
func (v *Cached) Read(ctx context.Context, off int64, n int) (*View, error) {
	if err := v.check(off, n); err != nil {
		return nil, err
	}
	if n == 0 {
		view := v.c.newView(0)
		view.show(v)
		return view, nil
	}
	first, last := off/int64(v.span), (off+int64(n)-1)/int64(v.span)
	view := v.c.newView(int(last - first + 1))
	wants := view.wants
	for i := range wants {
		w := &wants[i]
		w.index = first + int64(i)
		w.off = max(off, w.index*int64(v.span))
		w.n = int(min(off+int64(n), (w.index+1)*int64(v.span)) - w.off)
	}
	if !v.hit(wants) {
		if err := v.fetch(ctx, wants); err != nil {
			return nil, err
		}
	}
	view.show(v)
	return view, nil
}

// ReadAt fills p with the bytes at off, or fails like Read. How much of p was written is undefined
// then.
func (v *Cached) ReadAt(ctx context.Context, p []byte, off int64) error {
	for len(p) > 0 {
		// In pieces, so that a large p does not pin as much cache memory. They end where a multiple
		// of their size does, so that a span is not read twice.
		n := min(len(p), copyBytes-int(off%copyBytes))
		view, err := v.Read(ctx, off, n)
		if err != nil {
			return err
		}
		view.copyTo(p[:n])
		view.Release()
		p, off = p[n:], off+int64(n)
	}
	return nil
}
