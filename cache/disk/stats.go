package disk

import "sync/atomic"

// Stats tells what a Cache has done and holds. Counters only grow.
type Stats struct {
	Hits      uint64 // entries found and right
	HitBytes  uint64 // bytes of those entries
	Misses    uint64 // entries looked for that were not there, or wrong
	Stored    uint64 // entries written
	Dropped   uint64 // entries not written because the queue was full
	Evictions uint64 // entries that made room for others
	Corrupt   uint64 // entries that could not be read or had another digest

	Entries   int64 // entries kept
	UsedBytes int64 // bytes of those entries
	FileBytes int64 // size of the files, holes included
	Limit     int64 // Options.Bytes
	Full      bool  // nothing more is written: the disk is full, or failed
}

type counters struct {
	hits, hitBytes, misses, stored, dropped, evictions, corrupt atomic.Uint64
}

// Stats returns what the cache has done so far.
func (c *Cache) Stats() Stats {
	s := Stats{
		Hits: c.count.hits.Load(), HitBytes: c.count.hitBytes.Load(), Misses: c.count.misses.Load(),
		Stored:  c.count.stored.Load(),
		Dropped: c.count.dropped.Load(), Evictions: c.count.evictions.Load(),
		Corrupt: c.count.corrupt.Load(),
		Limit:   c.limit, Full: c.full.Load(),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.FileBytes = c.bytes
	for _, k := range c.classes {
		s.Entries += int64(k.used)
		s.UsedBytes += int64(k.used) * k.unit
	}
	return s
}
