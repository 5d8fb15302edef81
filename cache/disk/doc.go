// Package disk keeps blocks of volumes in a directory, found by their digests: a second tier behind
// the spans in memory. It outlives the process, and backups of one volume share it.
//
// A [Kept] is a source for package cache in front of another source whose blocks have digests.
// Blocks that the directory has are read from there, others from that source; those are queued for
// one goroutine to write, or dropped when the queue is full, so readers never wait for writing. The
// package owns its directory: what is kept, where, and what is evicted. What digests mean and where
// they come from is the source's business.
//
//	Load ──> have it? ──> read, compare with the digest ──> done
//	             │no              │wrong: drop it
//	             └──> source.Load <┘ ──> queue ──> writer ──> slab files
//
// # Trust
//
// Nothing in the directory is trusted. Each block that is read from it must have the SHA-256 digest
// that its volume gives for it, as if it came from the share; no checksum of the cache's own would
// be as strong, and SHA-256 costs a fiftieth of decoding. So nothing has to be written in order or
// synced: a wrong entry, left by a crash, a full disk or another program, is detected when it is
// read, counted, dropped, and read from the source.
//
// The files hold data of volumes in the clear, so only their owner can read them (mode 0600).
//
// # Bounds
//
// The files together have at most Options.Bytes. In memory an entry of 32 KiB takes at most 20
// bytes (see MemoryBytes), and the queue 4 MiB. A clock decides which entry is evicted: the first
// that was not read since the hand last passed. One process at a time uses a directory; it holds a
// lock.
//
// The layout of the files is in docs/disk-cache-format.md.
//
// # Locks
//
// Cache.mu guards the table and the list of slabs. It is never held across I/O, except when a slab
// is created or removed. A slot may be overwritten while it is read; the digest then fails, which
// is a miss.
package disk
