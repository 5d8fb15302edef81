// Package cache keeps decoded spans of volumes within one memory budget.
//
// A volume is a run of immutable, verified bytes that is dear to produce: behind a [Source] stand decompression, digests and a share.
// The cache cuts it into spans (128 KiB unless told otherwise), loads every span once for all who want it at the same time, hands out
// pinned bytes without copying them, and loads ahead of those who read in order. It owns the memory of the spans, who loads them and
// when. What the bytes mean, where they come from and whether they are true is the Source's business; files, requests and errno are
// the caller's.
//
//	Reader.Read ──> sequential ──> stream ──> workers (prefetch.go)      one Reader an open file
//	     │                                        │
//	Volume.Read ──> hit: pin                      │
//	     │          miss: claim ──> run ──> Source.Load ──> spans        turn.go, run.go
//	     │          someone loads it: wait, perhaps take the turn
//	   View  <── pinned spans, zeros (zero.go)
//
// # Memory
//
// Everything the cache holds counts against Options.MemoryBytes: spans at rest, buffers being loaded into, and buffers waiting on the
// free lists to be used again. A span pinned by a View stays. When all the memory is pinned or being loaded into, a reader who needs
// more gives up whatever it holds and queues, first come first served, for all that its request needs at once; so nobody who waits for
// memory holds any, and readers cannot deadlock over it. The floor: a single Read that needs more than the whole budget is served when
// nothing else holds memory, and exceeds the budget by what it needs beyond it until its View is released; ReadAt asks for 1 MiB or
// less at a time and therefore does not. MemoryBytes below 16 spans is raised to that.
//
// Spans leave in the order of their last use. Neighbours that came along with a load and that nobody asked for are kept apart, in a
// quarter of the memory when that is short; what was loaded ahead of a reader gives way to readers only.
//
// A disk tier is a Source in front of a Source, see package disk: the one call of Load in this package (run.go) is the seam.
//
// # Errors
//
// Bytes are served whole or not at all. A load that fails is forgotten: the readers who waited for it get its error, the next reader
// tries anew. If the failed load covered more than the Source's alignment it is narrowed down, from a run of spans to one span to the
// reader's own blocks, so that only a reader who touches a damaged block fails. A loader whose own context ended is no failure: one
// of those who wait for it takes its turn.
//
// # Hazards
//
//   - A goroutine that holds a View and calls Read may wait for memory that only it can free. Release first.
//   - The slices of a View are shared with all readers, and zeros with everybody: never write to them, never use them after Release.
//   - A Source that ignores its context delays the readers that cancel, and Close.
//   - Load is called without any lock held and may be slow; Around, NextData, Size and Align are expected to be fast.
//
// # Locks
//
// Reader.mu is taken before Cache.mu, and neither is held while a method of a Source runs. One mutex for the whole cache is on
// purpose: it is held for a map look-up and some pointers. Releasing a View takes no lock unless memory is short.
package cache
