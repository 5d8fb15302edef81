package seekable

import "sync/atomic"

// Stats is a snapshot of what an Engine has done and holds. Counters only grow.
type Stats struct {
	Starts        uint64 // decoders that began at an object's start
	Resumes       uint64 // decoders that began at a checkpoint
	Continuations uint64 // reads for which a parked decoder went on

	Parked      int   // decoders that wait for a read to come
	HeldBytes   int64 // that decoders hold, parked or at work
	MemoryBytes int64 // Options.MemoryBytes
	Waiting     int   // reads that wait for memory
}

// counters are the live form of Stats.
type counters struct{ starts, resumes, continuations atomic.Uint64 }

// Stats returns what the Engine has done so far.
func (e *Engine) Stats() Stats {
	s := Stats{
		Starts: e.count.starts.Load(), Resumes: e.count.resumes.Load(),
		Continuations: e.count.continuations.Load(),
		MemoryBytes:   e.budget,
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s.Parked, s.HeldBytes, s.Waiting = e.parked.Len(), e.held, e.waiting.Len()
	return s
}
