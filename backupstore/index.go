package backupstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

const (
	// indexStep is how many bytes of an object are decoded between two reports
	// of progress, by one core.
	indexStep = 8 << 20
	// wideStep is indexStep if there are more cores than objects: long enough for several cores to
	// work on one.
	wideStep = 32 << 20
	// shortStep is indexStep for builders that must give way soon: some 10 ms of zlib or zstd, 200
	// ms of bzip2. It is longer than the distance between checkpoints, so that a step is of use
	// even if the decoder is lost after each.
	shortStep = 4 << 20
)

// IndexOptions say how BuildIndex works.
type IndexOptions struct {
	// Progress is called with how many bytes of the objects that have an index are covered by it,
	// and how many there are. Calls come one at a time; done never falls.
	Progress func(done, total int64)
	// Built, if set, is called with the length of an object whose index was not complete and had to
	// be built. Calls come one at a time.
	Built func(bytes int64)
	// Yield, if set, gives the work low priority: it runs on one core, and Yield is called before
	// each short step. Yield returns when the work may continue; an error ends it.
	Yield func(context.Context) error
}

// BuildIndex decodes the parts of the volume's objects that have no index yet, several objects at a
// time, so that later reads can enter them anywhere. Complete indexes cost one look each. Damaged
// objects do not prevent it from building the others: it returns their DamageErrors joined. Any
// other error, also that of ctx, ends it; what has been built until then is kept.
func (v *Volume) BuildIndex(ctx context.Context, o IndexOptions) error {
	b := indexing{volume: v, options: o}
	var refs []int
	for _, e := range v.extents {
		if r := &v.objects[e.object]; algorithm(r.Compression).Indexed(r.Length) {
			refs = append(refs, e.object)
		}
	}
	slices.Sort(refs)
	refs = slices.Compact(refs)
	b.left = len(refs)
	for _, ref := range refs {
		b.total += v.objects[ref].Length
	}
	g, building := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	if o.Yield != nil {
		g.SetLimit(1)
	}
	for _, ref := range refs {
		if building.Err() != nil {
			break
		}
		g.Go(func() error { return b.object(building, ref) })
	}
	err := g.Wait()
	if err == nil {
		err = ctx.Err()
	}
	return errors.Join(append(b.damaged, err)...)
}

// indexing is one call of BuildIndex.
type indexing struct {
	volume  *Volume
	options IndexOptions
	total   int64

	mu      sync.Mutex
	left    int // objects
	done    int64
	damaged []error
}

// object builds the index of one object to its end.
func (b *indexing) object(ctx context.Context, ref int) error {
	o := &b.volume.objects[ref]
	for at, done, first := int64(0), false, true; !done; first = false {
		if b.options.Yield != nil {
			if err := b.options.Yield(ctx); err != nil {
				return err
			}
		}
		was, covered, complete, err := b.advance(ctx, o)
		if err != nil {
			err = b.volume.objectError(ctx, o, o.Offset, o.Length, err)
			if !errors.Is(err, ErrDamaged) {
				return err
			}
		}
		done = complete || err != nil
		if first && !was && b.options.Built != nil {
			b.mu.Lock()
			b.options.Built(o.Length)
			b.mu.Unlock()
		}
		if done { // also if damaged: there is no more
			covered = o.Length
		}
		b.report(max(0, covered-at), done, err)
		at = max(at, covered)
	}
	return nil
}

// advance moves the frontier of o by a step; there says that it was at the end. The object is
// released in between, so that a builder that Yield keeps waiting holds nothing.
func (b *indexing) advance(ctx context.Context, o *objectRef) (there bool, covered int64,
	complete bool, err error) {
	live, err := b.volume.catalog.live.get(ctx, b.volume.chain[o.layer], o.Object)
	if err != nil {
		return false, 0, false, err
	}
	defer b.volume.catalog.live.release(live)
	_, there = live.value.Indexed()
	if _, err := live.value.Build(ctx, b.step()); err != nil {
		return there, 0, false, err
	}
	covered, complete = live.value.Indexed()
	return there, covered, complete, nil
}

// step returns how far to go at a time.
func (b *indexing) step() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.options.Yield != nil:
		return shortStep
	case b.left < runtime.GOMAXPROCS(0):
		return wideStep
	default:
		return indexStep
	}
}

func (b *indexing) report(n int64, objectDone bool, damage error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done += n
	if objectDone {
		b.left--
	}
	if damage != nil {
		b.damaged = append(b.damaged, fmt.Errorf("index: %w", damage))
	}
	if b.options.Progress != nil {
		b.options.Progress(b.done, b.total)
	}
}
