package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// offer queues the bytes of an entry to be written, unless the queue is full. It copies p.
func (c *Cache) offer(k *key, p []byte) {
	if c.full.Load() {
		return
	}
	if n := int64(len(p)); c.queued.Add(n) > queueBytes {
		c.queued.Add(-n)
		c.count.dropped.Add(1)
		return
	}
	// This never blocks: an entry has unitBytes or more, so the channel has room for queueBytes.
	c.queue <- item{*k, append(c.spareBuffer(), p...)}
}

func (c *Cache) spareBuffer() []byte {
	select {
	case b := <-c.spare:
		return b[:0]
	default:
		return nil
	}
}

// drop takes an item out of the account and keeps its buffer for another, unless it is unusually
// large.
func (c *Cache) drop(it item) {
	c.queued.Add(-int64(len(it.data)))
	if cap(it.data) <= 2*unitBytes {
		select {
		case c.spare <- it.data:
		default:
		}
	}
}

// write is the loop of the writer: it reads what the directory has, then writes what is queued
// until the cache is closed.
func (c *Cache) write() {
	c.load()
	close(c.loaded)
	for {
		select {
		case it := <-c.queue:
			c.store(it)
		case <-c.stop:
			for {
				select {
				case it := <-c.queue:
					c.store(it)
				default:
					return
				}
			}
		}
	}
}

// store writes one entry. After the first error nothing more is written.
func (c *Cache) store(it item) {
	defer c.drop(it)
	if c.full.Load() || c.has(&it.key) {
		return
	}
	s, i, err := c.place(int64(len(it.data)))
	if err == nil && s == nil {
		return
	}
	if err == nil {
		_, err = s.file.WriteAt(it.data, s.dataAt(i))
	}
	if err == nil {
		_, err = s.file.WriteAt(it.key[:], s.keyAt(i))
	}
	if err != nil {
		c.full.Store(true)
		c.log.Warn("the disk cache cannot be written; it is still read, but nothing is added to "+
			"it until the next start", "dir", c.root.Name(), "err", err)
		return
	}
	c.count.stored.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	s.tags[i] = c.tag(&it.key)
	c.classes[s.unit].used++
	c.insert(s.id(i))
}

// load takes over the slabs of earlier processes and removes those that are of no use.
func (c *Cache) load() {
	dir, err := c.root.Open(".")
	if err != nil {
		c.log.Warn("the directory of the disk cache cannot be listed",
			"dir", c.root.Name(), "err", err)
		return
	}
	names, err := dir.Readdirnames(-1)
	dir.Close()
	if err != nil {
		c.log.Warn("the directory of the disk cache cannot be listed",
			"dir", c.root.Name(), "err", err)
	}
	var numbers []int
	for _, name := range names {
		var n int
		if _, err := fmt.Sscanf(name, slabPattern, &n); err == nil && name == slabName(n) &&
			n >= 0 && n <= 99999 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		select {
		case <-c.stop:
			return
		default:
		}
		s, keys, err := c.openSlab(n)
		if err == nil && c.bytes+s.bytes() > c.limit {
			s.file.Close()
			err = fmt.Errorf("%s: the limit is lower now", slabName(n))
		}
		if err == nil && int64(len(c.slabs)) > c.limit/c.most+8 { // a Cache makes fewer
			s.file.Close()
			err = fmt.Errorf("%s: there are too many slabs", slabName(n))
		}
		if err != nil {
			c.log.Info("a file of the disk cache is of no use and is removed", "err", err)
			if err := c.root.Remove(slabName(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				c.log.Warn("a file of the disk cache cannot be removed, so nothing is added "+
					"to the cache", "err", err)
				c.full.Store(true)
			}
			continue
		}
		c.adopt(s, keys)
	}
}

// adopt takes over a slab with the keys of its slots.
func (c *Cache) adopt(s *slab, keys []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.classes[s.unit]
	if k == nil {
		k = &class{unit: s.unit}
		c.classes[s.unit] = k
	}
	c.add(k, s)
	for i := range s.tags {
		name := key(keys[i*keyBytes:])
		if name == (key{}) {
			continue
		}
		tag := c.tag(&name)
		if _, twice := c.find(tag); twice {
			continue
		}
		s.tags[i] = tag
		k.used++
		c.insert(s.id(i))
	}
}
