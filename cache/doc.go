// Package cache keeps decoded spans of volumes within one memory budget.
//
// A volume is a run of immutable, verified bytes that are expensive to produce: a [Source] reads a
// share, decompresses and checks digests. The cache cuts it into spans (32 KiB unless told
// otherwise), loads each span once for all readers that want it at the same time, hands out pinned
// bytes without copying them, and loads ahead of sequential readers. It owns the memory of the
// spans and decides when and by which goroutine they are loaded. What the bytes mean, where they
// come from and whether they are true is the Source's business; files, requests and error numbers
// are the caller's.
//
//	Reader.Read ──> sequential ──> stream ──> workers (prefetch.go)      one Reader an open file
//	     │                                        │
//	Cached.Read ──> hit: pin                      │
//	     │          miss: claim ──> run ──> Source.Load ──> spans        turn.go, run.go
//	     │          someone loads it: wait, perhaps take the turn
//	   View  <── pinned spans, zeros (zero.go)
//
// # Memory
//
// Everything the cache holds counts against Options.MemoryBytes: spans at rest, buffers being
// loaded into, and buffers waiting on the free lists to be used again. A span pinned by a View
// stays. When all the memory is pinned or being loaded into, a reader that needs more gives up all
// it holds and queues, first come first served, for everything its request needs at once. A reader
// that waits for memory therefore holds none, and readers cannot deadlock over memory. The
// exception: a single Read that needs more than the whole budget is served once nothing else holds
// memory, and exceeds the budget until its View is released. ReadAt pins at most 1 MiB at a time
// and never exceeds it. MemoryBytes below 16 spans is raised to 16 spans.
//
// Spans are evicted in the order of their last use. Neighbours that were loaded along with a span
// and that no reader asked for are kept apart; when memory is short they get a quarter of it. A
// [Deferring] source does not prove them: that is done for the first reader that asks for one, and
// what is wrong then is loaded as if it had not been there. Spans loaded ahead of a reader are
// evicted only for readers, not for more prefetch.
//
// A disk tier is a Source in front of a Source, see package disk: the calls of Load and
// LoadUnproven in run.go are the seam.
//
// # Errors
//
// Bytes are served whole or not at all. A failed load is not remembered: the readers that waited
// for it get its error, the next reader tries again. If the failed load covered more than the
// Source's alignment it is narrowed down, from a run of spans to one span to the reader's own
// blocks, so that only readers of a damaged block fail. A load whose reader's context ended has not
// failed: one of the waiting readers takes over.
//
// # Hazards
//
//   - A goroutine that holds a View and calls Read may wait for memory that only it can free.
//     Release first.
//   - The slices of a View are shared with other readers, and zeros with all: never write to them,
//     never use them after Release.
//   - A Source that ignores its context delays the readers that cancel, and Close.
//   - Load is called without any lock held and may be slow; Around, NextData, Size and Align are
//     expected to be fast.
//
// # Locks
//
// Reader.mu is taken before Cache.mu, and neither is held while a method of a Source runs. One
// mutex for the whole cache is on purpose: it is held for a map look-up and some pointers, and,
// while the cache fills up, for an allocation.
// Releasing a View takes no lock unless memory is short.
package cache
