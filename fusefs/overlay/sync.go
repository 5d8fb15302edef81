package overlay

import (
	"context"
	"errors"
	"fmt"

	"github.com/restorefs/restorefs/fusefs/overlay/pagefile"
)

// pageCopy is a copy of a page, to be written to the map file.
type pageCopy struct {
	page       *page
	words      pagefile.Words
	generation uint64
}

// Sync returns nil if all that was written before the call is on stable storage and will be found
// there. After a failure to write data every later Sync fails too (ErrFailed); after a failure to
// write the map a later Sync may succeed.
func (o *Overlay) Sync(ctx context.Context) error {
	want, err := o.state()
	if err != nil {
		return err
	}
	if err := o.take(ctx); err != nil {
		return o.wrap("sync", 0, err)
	}
	defer o.give()
	o.mu.Lock()
	done := o.synced >= want && o.dirty == 0 // another Sync has done it
	err = o.failed
	o.mu.Unlock()
	if done || err != nil {
		return err
	}
	if err := o.commit(); err != nil {
		return fmt.Errorf("overlay of backup %s: sync: %w", o.key.Backup, err)
	}
	return nil
}

func (o *Overlay) state() (written uint64, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.written, o.failed
}

// commit makes what was written safe: first the data, then the map that says where it is. The
// caller holds the token.
func (o *Overlay) commit() error {
	pages, written := o.dirtyPages()
	if o.data == nil {
		return nil
	}
	if err := o.data.Sync(); err != nil {
		err = fmt.Errorf("%w: %w", ErrFailed, err)
		o.mu.Lock()
		o.failed = err
		o.mu.Unlock()
		o.settle(pages, false)
		return err
	}
	if err := o.writeMap(pages); err != nil {
		o.settle(pages, false)
		return err
	}
	o.settle(pages, true)
	o.mu.Lock()
	o.synced = max(o.synced, written)
	o.mu.Unlock()
	return nil
}

// dirtyPages copies the pages that are newer than in the map file. Their data has been written, as
// a bit is set only after the data.
func (o *Overlay) dirtyPages() (pages []*pageCopy, written uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.pages {
		if !p.dirty {
			continue
		}
		s := &pageCopy{page: p, words: *p.words, generation: p.generation + 1}
		p.dirty = false
		p.pins++
		o.dirty--
		pages = append(pages, s)
	}
	return pages, o.written
}

// writeMap writes each page into its slot that is not in use, which thereby becomes the one in use.
func (o *Overlay) writeMap(pages []*pageCopy) error {
	if len(pages) == 0 {
		return nil
	}
	b := make([]byte, slotBytes)
	for _, s := range pages {
		at := pagefile.Place{Nonce: o.header.nonce, Index: s.page.index}
		pagefile.Encode(b, at, s.generation, &s.words)
		slot := pagefile.SlotFor(s.generation)
		if _, err := o.index.WriteAt(b, slotOffset(s.page.index, slot)); err != nil {
			return err
		}
	}
	return o.index.Sync()
}

// settle notes whether the copied pages were written safely.
func (o *Overlay) settle(pages []*pageCopy, safe bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range pages {
		p := s.page
		p.pins--
		switch {
		case safe:
			p.generation = s.generation
		case !p.dirty:
			p.dirty = true
			o.dirty++
		}
	}
	o.evict()
}

// flushLater is run by a timer: even if nobody calls Sync, a crash loses only recent data.
func (o *Overlay) flushLater() {
	o.mu.Lock()
	o.flush = nil
	o.mu.Unlock()
	err := o.Sync(context.Background())
	if err == nil || errors.Is(err, ErrClosed) {
		return
	}
	o.log.Error("what was written onto a backup cannot be made safe", "backup", o.key.Backup,
		"err", err)
	o.mu.Lock()
	o.syncLater() // unless it has failed for good
	o.mu.Unlock()
}

// Close syncs and releases the overlay. An overlay that was never written to leaves nothing behind.
func (o *Overlay) Close() error {
	err := o.Sync(context.Background())
	o.mu.Lock()
	if errors.Is(o.failed, ErrClosed) {
		o.mu.Unlock()
		return nil
	}
	o.failed = ErrClosed
	if o.flush != nil {
		o.flush.Stop()
	}
	o.mu.Unlock()

	o.token <- struct{}{} // a Sync may be under way
	defer o.give()
	if o.data != nil {
		err = errors.Join(err, o.data.Close())
	} else if !o.readOnly {
		err = errors.Join(err, o.dir.remove(mapName(o.key.Backup)))
	}
	return errors.Join(err, o.index.Close())
}
