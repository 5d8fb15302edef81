package live

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/restorefs/restorefs/fusefs/overlay/pagefile"
)

// extent of a commit.
type extent bool

const (
	everything extent = true  // all that is not in the map
	guestOnly  extent = false // pages in which the guest has written
)

// pageCopy is a copy of a page, to be written to the state file.
type pageCopy struct {
	page       *page
	words      pagefile.Words
	generation uint64
	guest      bool
}

// Sync returns nil if all that the guest wrote before the call is on stable storage and will be
// found there. After a failure to write to the device every later Sync fails too (ErrFailed); after
// a failure to write the state file a later one may succeed.
func (v *Volume) Sync(ctx context.Context) error {
	defer v.gate.enter()()
	return v.commit(ctx, guestOnly)
}

// commit makes what was written safe: first the device, then the map that says what is valid on it.
func (v *Volume) commit(ctx context.Context, what extent) error {
	want, err := v.state()
	if err != nil {
		return err
	}
	if err := v.take(ctx); err != nil {
		return err
	}
	defer v.give()
	v.mu.Lock()
	done := what == guestOnly && v.synced >= want // another commit has done it
	err = v.failed
	v.mu.Unlock()
	if done || err != nil {
		return err
	}
	pages, written := v.dirtyPages(what)
	if err := v.syncDevice(); err != nil {
		v.settle(pages, false)
		return err
	}
	if err := v.writeMap(pages); err != nil {
		v.settle(pages, false)
		return fmt.Errorf("write the map of valid blocks: %w", err)
	}
	v.settle(pages, true)
	v.mu.Lock()
	v.synced = max(v.synced, written)
	v.mu.Unlock()
	return nil
}

// syncDevice syncs the device. The caller has the token: the kernel tells a failure once, and of
// two syncs at a time the other one would hear nothing of it.
func (v *Volume) syncDevice() error {
	err := v.dev.Sync()
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%w: %w", ErrFailed, err)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.failed == nil {
		v.failed = err
	}
	return err
}

// dirtyPages copies the pages that are newer than in the file. What their bits promise has been
// written to the device, as a bit is set only after that.
func (v *Volume) dirtyPages(what extent) (pages []*pageCopy, written uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range v.pages {
		if !p.dirty || what == guestOnly && !p.guest {
			continue
		}
		pages = append(pages, &pageCopy{page: p, words: *p.words, generation: p.generation + 1,
			guest: p.guest})
		promised := *p.words
		p.promised, p.dirty, p.guest = &promised, false, false
		p.pins++
		v.dirty--
	}
	return pages, v.written
}

// writeMap writes each page into its slot that is not in use, which thereby becomes the one in use.
func (v *Volume) writeMap(pages []*pageCopy) error {
	if len(pages) == 0 {
		return nil
	}
	b := make([]byte, pagefile.SlotBytes)
	for _, s := range pages {
		if err := v.writeSlot(b, s.page.index, s.generation, &s.words); err != nil {
			return err
		}
	}
	return v.file.Sync()
}

func (v *Volume) writeSlot(b []byte, index int64, generation uint64, words *pagefile.Words) error {
	pagefile.Encode(b, pagefile.Place{Nonce: v.header.nonce, Index: index}, generation, words)
	_, err := v.file.WriteAt(b, slotOffset(index, pagefile.SlotFor(generation)))
	return err
}

// settle notes whether the copied pages were written safely.
func (v *Volume) settle(pages []*pageCopy, safe bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range pages {
		p := s.page
		p.pins--
		if safe {
			p.generation = s.generation
			continue
		}
		p.guest = p.guest || s.guest
		if !p.dirty {
			p.dirty = true
			v.dirty++
		}
	}
	v.evict()
}

// intentBytes is how much of the volume is noted as the guest's at once before it writes for the
// first time where the copier was: each time costs a write of the state file.
const intentBytes = 1 << 20

// intend notes durably that the guest may have written the blocks [from, end), which lie in p,
// where the state file says, or may say, that they are as in the backup. Otherwise a write that is
// not made safe before a power cut would look like damage of the device when it is compared.
func (v *Volume) intend(ctx context.Context, p *page, from, end int64) error {
	if !v.unannounced(p, from, end) {
		return nil
	}
	if err := v.take(ctx); err != nil {
		return err
	}
	defer v.give()
	if _, err := v.state(); err != nil {
		return err
	}
	const unit = intentBytes / blockBytes
	first := p.index * pageBlocks
	lo := int(max(from/unit*unit-first, 0))
	hi := int(min((end+unit-1)/unit*unit-first, pageBlocks))
	v.mu.Lock()
	ahead, generation := *p.promised, p.generation+1
	for at := lo; at < hi; {
		at = next(&ahead, at, hi, validBit, true)
		stop := next(&ahead, at, hi, validBit, false)
		mark(&ahead, at, stop, guestBit)
		at = stop
	}
	v.mu.Unlock()
	err := v.writeSlot(make([]byte, pagefile.SlotBytes), p.index, generation, &ahead)
	if err == nil {
		err = v.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("note in the map of valid blocks where the guest writes: %w", err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	p.generation, p.promised = generation, &ahead
	for i := range p.words {
		p.words[i] |= ahead[i]
	}
	return nil
}

// unannounced says whether one of the blocks may be in the state file as one of the backup's.
func (v *Volume) unannounced(p *page, from, end int64) bool {
	first := p.index * pageBlocks
	lo, hi := int(from-first), int(end-first)
	v.mu.Lock()
	defer v.mu.Unlock()
	if p.promised == nil {
		return false
	}
	for lo < hi {
		if lo = next(p.promised, lo, hi, validBit, true); lo == hi {
			return false
		}
		stop := next(p.promised, lo, hi, validBit, false)
		if next(p.promised, lo, stop, guestBit, false) < stop {
			return true
		}
		lo = stop
	}
	return false
}

// touched notes a change of the guest's, and has it made safe soon.
func (v *Volume) touched() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.written++
	v.flushSoon()
}

// flushSoon starts a timer that commits. Called with mu held.
func (v *Volume) flushSoon() {
	if v.flush == nil && v.failed == nil {
		v.flush = time.AfterFunc(v.o.flushEvery, v.flushLater)
	}
}

// flushLater is run by the timer: even if nobody calls Sync, a crash loses only what is recent.
func (v *Volume) flushLater() {
	v.mu.Lock()
	v.flush = nil
	v.mu.Unlock()
	err := v.commit(context.Background(), everything)
	if err == nil || errors.Is(err, ErrClosed) {
		return
	}
	v.log.Error("what was written to the device cannot be made safe", "err", err)
	v.mu.Lock()
	v.flushSoon() // unless it has failed for good
	v.mu.Unlock()
}
