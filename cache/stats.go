package cache

import "sync/atomic"

// Stats tells what a Cache has done and holds. Counters only grow. They are read one after another,
// so they may disagree by what happened in between.
type Stats struct {
	Hits           uint64 // spans found in memory
	Misses         uint64 // spans not found, loaded by the reader or waited for
	Zeros          uint64 // spans known to be zero, served without memory or loading
	Loads          uint64 // calls of Source.Load
	LoadErrors     uint64 // calls of Source.Load that failed and were not cancelled
	LoadedBytes    uint64 // bytes delivered by calls of Source.Load that succeeded
	Turns          uint64 // loads given up by a cancelled reader while others waited
	Blockwise      uint64 // damaged spans read block by block
	Prefetched     uint64 // spans loaded ahead of a reader
	PrefetchWasted uint64 // of those, evicted before they were read
	Evictions      uint64 // spans evicted
	MemoryWaits    uint64 // times that a read had to wait for memory

	UsedBytes   int64 // bytes of buffers in use: at rest, pinned, being loaded into
	SpareBytes  int64 // bytes of buffers on the free lists
	MemoryBytes int64 // the budget that UsedBytes+SpareBytes stays within
	Views       int64 // views not yet released
}

// counters is what Stats is read from.
type counters struct {
	hits, misses, zeros                               atomic.Uint64
	loads, loadErrors, loadedBytes, turns, blockwise  atomic.Uint64
	prefetched, prefetchWasted, evictions, memoryWait atomic.Uint64
	views                                             atomic.Int64
}

// Stats returns what the cache has done so far.
func (c *Cache) Stats() Stats {
	s := Stats{
		Hits:           c.count.hits.Load(),
		Misses:         c.count.misses.Load(),
		Zeros:          c.count.zeros.Load(),
		Loads:          c.count.loads.Load(),
		LoadErrors:     c.count.loadErrors.Load(),
		LoadedBytes:    c.count.loadedBytes.Load(),
		Turns:          c.count.turns.Load(),
		Blockwise:      c.count.blockwise.Load(),
		Prefetched:     c.count.prefetched.Load(),
		PrefetchWasted: c.count.prefetchWasted.Load(),
		Evictions:      c.count.evictions.Load(),
		MemoryWaits:    c.count.memoryWait.Load(),
		Views:          c.count.views.Load(),
	}
	c.mu.Lock()
	s.UsedBytes, s.SpareBytes, s.MemoryBytes = c.mem.used, c.mem.spare, c.mem.limit
	c.mu.Unlock()
	return s
}
