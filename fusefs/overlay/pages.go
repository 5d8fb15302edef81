package overlay

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/restorefs/restorefs/fusefs/overlay/pagefile"
)

// page is a page of the map in memory. Overlay.mu guards its fields, except
// that while loading is open they belong to the goroutine that loads the page.
type page struct {
	index int64
	words *pagefile.Words // nil: no bit is set

	generation uint64 // of the page in the file; 0: the file has none
	roomy      bool   // space for both slots has been allocated in the file

	dirty bool // words has bits that the file does not have
	pins  int  // number of goroutines that use or write it
	used  *list.Element

	loading chan struct{} // closed when the page is loaded; nil: it was loaded long ago
	err     error         // why it could not be loaded
}

func (p *page) clean() bool { return !p.dirty && p.pins == 0 }

// pin returns a page that stays in memory until unpin.
func (o *Overlay) pin(ctx context.Context, index int64) (*page, error) {
	o.mu.Lock()
	p := o.pages[index]
	if p == nil {
		p = &page{index: index, pins: 1}
		p.used = o.recent.PushFront(p)
		o.pages[index] = p
		o.evict()
		if !o.exists {
			o.mu.Unlock()
			return p, nil
		}
		p.loading = make(chan struct{})
		o.mu.Unlock()
		err := o.load(p)
		o.mu.Lock()
		defer o.mu.Unlock()
		if err != nil {
			p.err = err
			p.pins--
			delete(o.pages, index)
			o.recent.Remove(p.used)
		}
		close(p.loading)
		p.loading = nil
		return p, err
	}
	o.recent.MoveToFront(p.used)
	p.pins++
	loading := p.loading
	o.mu.Unlock()
	if loading == nil {
		return p, nil
	}
	select {
	case <-loading:
	case <-ctx.Done():
		o.unpin(p)
		return nil, ctx.Err()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if p.err != nil {
		p.pins--
		return nil, p.err
	}
	return p, nil
}

func (o *Overlay) unpin(p *page) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p.pins--
	o.evict()
}

// evict drops the least recently used pages that can be read again. Called with
// mu held.
func (o *Overlay) evict() {
	for e := o.recent.Back(); e != nil && len(o.pages) > o.o.maxPages; {
		p, before := e.Value.(*page), e.Prev()
		if p.clean() {
			o.recent.Remove(e)
			delete(o.pages, p.index)
		}
		e = before
	}
}

// load reads a page from the map file.
func (o *Overlay) load(p *page) error {
	var both [pageBytes]byte
	if _, err := o.index.ReadAt(both[:], slotOffset(p.index, 0)); err != nil {
		if errors.Is(err, io.EOF) {
			err = o.cut()
		}
		return fmt.Errorf("read the map of backup %s: %w", o.key.Backup, err)
	}
	words, generation, doubt, err := pagefile.Decode(both[:], o.header.nonce, p.index,
		o.key.pageBits(p.index))
	if errors.Is(err, pagefile.ErrDamaged) {
		err = damaged("page %d of its map, for %d bytes from %d on: put both files back from a "+
			"copy, or discard the overlay", p.index, o.key.pageBits(p.index)*blockBytes,
			p.index*pageBlocks*blockBytes)
	}
	if err != nil {
		return fmt.Errorf("read the map of backup %s: %w", o.key.Backup, err)
	}
	if doubt {
		o.log.Warn("a write of the overlay's map was cut off, as by a power failure; "+
			"what was synced before is used",
			"backup", o.key.Backup, "page", p.index)
	}
	p.words, p.generation = words, generation
	return nil
}

// loaded calls f with the words of a page while they cannot change; nil words
// are all clear.
func (o *Overlay) loaded(p *page, f func(words *pagefile.Words)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f(p.words)
}

// set sets the bits of the blocks [from, end) of the volume that lie in p.
func (o *Overlay) set(p *page, from, end int64) {
	first := p.index * pageBlocks
	from, end = max(from-first, 0), min(end-first, pageBlocks)
	o.mu.Lock()
	defer o.mu.Unlock()
	if p.words == nil {
		p.words = new(pagefile.Words)
	}
	if pagefile.SetRange(p.words, int(from), int(end)) && !p.dirty {
		p.dirty = true
		o.dirty++
	}
}
