package live

import (
	"container/list"
	"context"

	"github.com/restorefs/restorefs/fusefs/overlay/pagefile"
)

// page is a page of the map in memory. Volume.mu guards its fields, except that while loading is
// open they belong to the goroutine that loads the page.
type page struct {
	index int64
	words *pagefile.Words // nil: no bit is set
	// promised are the bits that the state file has, or may have, as they were on their way when
	// something failed. nil: none.
	promised *pagefile.Words

	generation uint64 // of the page in the file; 0: the file has none
	dirty      bool   // words has bits that the file does not have
	guest      bool   // some of those are the guest's
	pins       int    // goroutines that use or write it
	used       *list.Element

	loading chan struct{} // closed when the page is loaded; nil: it was loaded long ago
	err     error         // why it could not be loaded
}

// pin returns a page that stays in memory until unpin.
func (v *Volume) pin(ctx context.Context, index int64) (*page, error) {
	v.mu.Lock()
	p := v.pages[index]
	if p == nil {
		p = &page{index: index, pins: 1, loading: make(chan struct{})}
		p.used = v.recent.PushFront(p)
		v.pages[index] = p
		v.evict()
		v.mu.Unlock()
		return p, v.load(p)
	}
	v.recent.MoveToFront(p.used)
	p.pins++
	loading := p.loading
	v.mu.Unlock()
	if loading == nil {
		return p, nil
	}
	select {
	case <-loading:
	case <-ctx.Done():
		v.unpin(p)
		return nil, ctx.Err()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if p.err != nil {
		p.pins--
		return nil, p.err
	}
	return p, nil
}

// load reads a page that pin has just made.
func (v *Volume) load(p *page) error {
	words, generation, doubt, err := readPage(v.file, v.header, p.index)
	if doubt && err == nil {
		v.log.Warn("a write of the map of valid blocks was cut off, as by a power failure; what "+
			"was made safe before is used", "page", p.index)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if p.words, p.generation, p.err = words, generation, err; words != nil {
		promised := *words
		p.promised = &promised
	}
	if err != nil {
		p.pins--
		delete(v.pages, p.index)
		v.recent.Remove(p.used)
	}
	close(p.loading)
	p.loading = nil
	return err
}

func (v *Volume) unpin(p *page) {
	v.mu.Lock()
	defer v.mu.Unlock()
	p.pins--
	v.evict()
}

// evict drops the pages that were used least recently and can be read again. Called with mu held.
func (v *Volume) evict() {
	for e := v.recent.Back(); e != nil && len(v.pages) > v.o.maxPages; {
		p, before := e.Value.(*page), e.Prev()
		if !p.dirty && p.pins == 0 {
			v.recent.Remove(e)
			delete(v.pages, p.index)
		}
		e = before
	}
}

// room pins a page that is to get bits, after a sync if very many pages are dirty.
func (v *Volume) room(ctx context.Context, index int64) (*page, error) {
	v.mu.Lock()
	full := v.dirty >= v.o.maxPages/dirtyPart
	v.mu.Unlock()
	if full {
		if err := v.commit(ctx, everything); err != nil {
			return nil, err
		}
	}
	return v.pin(ctx, index)
}

// set sets bits of the blocks [from, end) of the volume, which lie in p.
func (v *Volume) set(p *page, from, end int64, mask uint64) {
	first := p.index * pageBlocks
	lo, hi := int(from-first), int(end-first)
	v.mu.Lock()
	defer v.mu.Unlock()
	if p.words == nil {
		p.words = new(pagefile.Words)
	}
	v.marked(p, lo, hi, mask)
}

// marked sets bits of a page that has words. Called with mu held.
func (v *Volume) marked(p *page, lo, hi int, bits uint64) {
	if !mark(p.words, lo, hi, bits) {
		return
	}
	p.guest = p.guest || bits&guestBit != 0
	if !p.dirty {
		p.dirty = true
		v.dirty++
	}
	v.flushSoon()
}

// run returns where the run of blocks ends that starts at block from, within [from, end) and the
// page, and whether they have their bit in mask.
func (v *Volume) run(ctx context.Context, from, end int64, mask uint64) (stop int64, set bool,
	err error) {
	index := from / pageBlocks
	p, err := v.pin(ctx, index)
	if err != nil {
		return 0, false, err
	}
	defer v.unpin(p)
	first := index * pageBlocks
	lo, hi := int(from-first), int(min(pageBlocks, end-first))
	v.mu.Lock()
	defer v.mu.Unlock()
	if p.words == nil {
		return first + int64(hi), false, nil
	}
	if set = next(p.words, lo, hi, mask, true) == lo; set {
		return first + int64(next(p.words, lo, hi, mask, false)), true, nil
	}
	return first + int64(next(p.words, lo, hi, mask, true)), false, nil
}

// runs calls f for each run of blocks within the bytes [off, end) that have, or have not, their bit
// in mask. Runs end with pages; the first and the last are cut at off and end.
func (v *Volume) runs(ctx context.Context, off, end int64, mask uint64,
	f func(off, end int64, set bool) error) error {
	for off < end {
		stop, set, err := v.run(ctx, off/blockBytes, blockEnd(end)/blockBytes, mask)
		if err != nil {
			return err
		}
		to := min(end, stop*blockBytes)
		if err := f(off, to, set); err != nil {
			return err
		}
		off = to
	}
	return nil
}

// blockEnd returns the end of the block that ends at off or behind it.
func blockEnd(off int64) int64 { return (off + blockBytes - 1) / blockBytes * blockBytes }

// blockStart returns the start of the block of off.
func blockStart(off int64) int64 { return off / blockBytes * blockBytes }
