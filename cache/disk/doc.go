// Package disk keeps blocks of volumes in a directory, found by their digests: a second tier behind the spans in memory, which
// outlives the process and which backups of one volume share.
//
// A [Volume] is a source of package cache in front of another one, whose blocks have digests. What the directory has is read from
// there, the rest from the other source; and what that gave is queued for one goroutine to write, or dropped when the queue is full:
// readers never wait for writing. The package owns its directory: what is kept, where, and what leaves. What digests mean and where
// they come from is the source's business.
//
//	Load ──> have it? ──> read, compare with the digest ──> done
//	             │no              │not right: forget it
//	             └──> source.Load <┘ ──> queue ──> writer ──> slab files
//
// # Trust
//
// Nothing in the directory is trusted. Each block that is read from it must have the SHA-256 digest that its volume gives for it, as
// if it came from the share; no checksum of our own would be as strong, and SHA-256 costs a fiftieth of decoding. So nothing has to be
// written in order, or synced: whatever a crash, a full disk or somebody else left there is found out when it is read, is counted,
// forgotten, and read from the source.
//
// What is kept is readable data of volumes. Files are for their owner only (mode 0600).
//
// # Bounds
//
// The files have Options.Bytes at most, together. In memory an entry of 32 KiB takes 20 bytes at most (see MemoryBytes), and the
// queue 4 MiB. Which entry leaves is decided by a clock: of those not read since the hand last passed, the first. One process at a
// time uses a directory; it holds a lock.
//
// The layout of the files is in docs/disk-cache-format.md.
//
// # Locks
//
// Cache.mu guards the table and the list of slabs and is never held across I/O, but for the creation and removal of a slab. A slab's
// slot may be overwritten while somebody reads it: that is what the digest is for.
package disk
