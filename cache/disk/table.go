package disk

import "math/bits"

// table finds slots by tags: a hash table with open addressing. It holds only the ids of slots, as
// the slabs have the tags. Guarded by Cache.mu.
type table struct {
	ids  []uint32 // slot id + 1, or 0; the length is a power of two
	mask uint64
}

// newTable returns a table for at most n entries, which fill it to three quarters at most.
func newTable(n int) table {
	size := 1 << bits.Len(uint(n+n/3))
	return table{ids: make([]uint32, size), mask: uint64(size - 1)}
}

// slot returns the slab and the slot that id stands for. Under mu.
func (c *Cache) slot(id uint32) (*slab, int) {
	return c.slabs[int(id/maxSlots)], int(id % maxSlots)
}

func (s *slab) id(i int) uint32 { return uint32(s.number*maxSlots + i) }

func (c *Cache) tagOf(id uint32) uint64 {
	s, i := c.slot(id)
	return s.tags[i]
}

// find returns the id of the slot with a tag. Under mu.
func (c *Cache) find(tag uint64) (id uint32, ok bool) {
	t := &c.table
	for at := tag & t.mask; t.ids[at] != 0; at = (at + 1) & t.mask {
		if id := t.ids[at] - 1; c.tagOf(id) == tag {
			return id, true
		}
	}
	return 0, false
}

// insert adds a slot. Its tag must be set and not yet be in the table. Under mu.
func (c *Cache) insert(id uint32) {
	t := &c.table
	at := c.tagOf(id) & t.mask
	for t.ids[at] != 0 {
		at = (at + 1) & t.mask
	}
	t.ids[at] = id + 1
}

// remove removes a slot, whose tag must still be set, and closes the gap. Under mu.
func (c *Cache) remove(id uint32) {
	t := &c.table
	at := c.tagOf(id) & t.mask
	for t.ids[at] != id+1 {
		if t.ids[at] == 0 {
			return
		}
		at = (at + 1) & t.mask
	}
	// An entry behind the gap moves into it unless its home lies after the gap: find would miss it.
	for next := (at + 1) & t.mask; t.ids[next] != 0; next = (next + 1) & t.mask {
		home := c.tagOf(t.ids[next]-1) & t.mask
		if (next-home)&t.mask >= (next-at)&t.mask {
			t.ids[at] = t.ids[next]
			at = next
		}
	}
	t.ids[at] = 0
}
