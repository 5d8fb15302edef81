package disk

import "slices"

// class is the slabs whose slots have the same size. One clock runs over all of them. Guarded by
// Cache.mu.
type class struct {
	unit  int64
	slabs []*slab
	slots int
	used  int
	slab  int // the clock's hand: an index into slabs
	next  int // and the slot in that slab
}

// maxSteps bounds how far the hand moves for one entry.
const maxSteps = 1024

// place returns an empty slot for an entry of unit bytes, evicting an old entry if it must, or nil
// if there is no room for a slab of such slots. Only the writer calls it: the slot is the caller's
// until the next call.
func (c *Cache) place(unit int64) (*slab, int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.classes[unit]
	if k == nil {
		k = &class{unit: unit}
		c.classes[unit] = k
	}
	if k.used == k.slots {
		slots := slotsIn(unit, min(c.most, c.limit-c.bytes))
		if slots < minSlots && k.slots == 0 {
			c.dropSlab(c.victim())
			slots = slotsIn(unit, min(c.most, c.limit-c.bytes))
		}
		if slots >= minSlots {
			number := 0
			for c.slabs[number] != nil {
				number++
			}
			s, err := c.makeSlab(number, unit, slots)
			if err != nil {
				return nil, 0, err
			}
			c.add(k, s)
			k.slab, k.next = len(k.slabs)-1, 0
		}
	}
	if k.slots == 0 {
		return nil, 0, nil
	}
	s, i := k.advance()
	if s.tags[i] != 0 {
		c.empty(s, i)
		c.count.evictions.Add(1)
	}
	return s, i, nil
}

// add adds a slab to the cache and to its class. Under mu.
func (c *Cache) add(k *class, s *slab) {
	c.slabs[s.number] = s
	c.bytes += s.bytes()
	k.slabs = append(k.slabs, s)
	k.slots += len(s.tags)
}

// advance moves the hand to the next slot to be used: an empty one while there are any, else one
// that was not read since the hand last passed. Under mu.
func (k *class) advance() (*slab, int) {
	for step := 0; ; step++ {
		if k.next == len(k.slabs[k.slab].tags) {
			k.slab, k.next = (k.slab+1)%len(k.slabs), 0
		}
		s, i := k.slabs[k.slab], k.next
		k.next++
		switch {
		case s.tags[i] == 0, step >= maxSteps:
			return s, i
		case k.used < k.slots:
		case s.recent[i]:
			s.recent[i] = false
		default:
			return s, i
		}
	}
}

// empty drops the entry of a slot. Under mu.
func (c *Cache) empty(s *slab, i int) {
	c.remove(s.id(i))
	s.tags[i], s.recent[i] = 0, false
	c.classes[s.unit].used--
}

// victim is the slab to be dropped when a size has no slab yet: the one with the highest number.
// Under mu.
func (c *Cache) victim() *slab {
	var v *slab
	for _, s := range c.slabs {
		if v == nil || s.number > v.number {
			v = s
		}
	}
	return v
}

// dropSlab removes a slab and its file. Readers of it get an error, which is a miss. Under mu.
func (c *Cache) dropSlab(s *slab) {
	if s == nil {
		return
	}
	for i, tag := range s.tags {
		if tag != 0 {
			c.empty(s, i)
			c.count.evictions.Add(1)
		}
	}
	k := c.classes[s.unit]
	k.slabs = slices.DeleteFunc(k.slabs, func(o *slab) bool { return o == s })
	k.slots -= len(s.tags)
	k.slab, k.next = 0, 0
	delete(c.slabs, s.number)
	c.bytes -= s.bytes()
	s.file.Close()
	c.root.Remove(slabName(s.number))
}
