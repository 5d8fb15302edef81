package disk

import "math/bits"

// table finds slots by tags: a hash table with open addressing, of slot ids only, as the tags are with the slabs. Guarded by Cache.mu.
type table struct {
	ids  []uint32 // slot id + 1, or 0; the length is a power of two
	mask uint64
}

// newTable returns a table for n entries at most. It is at most three quarters full.
func newTable(n int) table {
	size := 1 << bits.Len(uint(n+n/3))
	return table{ids: make([]uint32, size), mask: uint64(size - 1)}
}

// slot splits an id. Under mu.
func (c *Cache) slot(id uint32) (*slab, int) { return c.slabs[int(id/maxSlots)], int(id % maxSlots) }

func (s *slab) id(i int) uint32 { return uint32(s.number*maxSlots + i) }

func (c *Cache) tagOf(id uint32) uint64 {
	s, i := c.slot(id)
	return s.tags[i]
}

// find returns the slot with a tag. Under mu.
func (c *Cache) find(tag uint64) (id uint32, ok bool) {
	t := &c.table
	for at := tag & t.mask; t.ids[at] != 0; at = (at + 1) & t.mask {
		if id := t.ids[at] - 1; c.tagOf(id) == tag {
			return id, true
		}
	}
	return 0, false
}

// insert adds a slot whose tag is set and not in the table. Under mu.
func (c *Cache) insert(id uint32) {
	t := &c.table
	at := c.tagOf(id) & t.mask
	for t.ids[at] != 0 {
		at = (at + 1) & t.mask
	}
	t.ids[at] = id + 1
}

// remove takes a slot out, whose tag is still set, and closes the gap. Under mu.
func (c *Cache) remove(id uint32) {
	t := &c.table
	at := c.tagOf(id) & t.mask
	for t.ids[at] != id+1 {
		if t.ids[at] == 0 {
			return
		}
		at = (at + 1) & t.mask
	}
	// What comes behind moves up if it may: its place must not be between the gap and where it is.
	for next := (at + 1) & t.mask; t.ids[next] != 0; next = (next + 1) & t.mask {
		home := c.tagOf(t.ids[next]-1) & t.mask
		if (next-home)&t.mask >= (next-at)&t.mask {
			t.ids[at] = t.ids[next]
			at = next
		}
	}
	t.ids[at] = 0
}
