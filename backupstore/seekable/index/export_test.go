package index

// Len is the number of checkpoints.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.c.slots)
}

// Zero reports whether the n decoded bytes at off are known to be zero.
func (x *Index) Zero(off, n int64) bool {
	_, got := x.NextZero(off, off+n)
	return got >= n
}

// MemoryBytes is about what the index holds in memory.
func (x *Index) MemoryBytes() int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return int64(cap(x.c.slots))*32 + int64(cap(x.c.zeros.list))*16 + int64(x.inMemory)
}
