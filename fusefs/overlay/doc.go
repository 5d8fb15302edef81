// Package overlay keeps what is written onto a read-only volume: for each backup a sparse data file
// and a map of the blocks in it, in a directory of the user's. docs/overlay-format.md has the
// layout and the rules of recovery.
//
// It owns those files, their locking, the merging of reads ([Overlay.Merge] for a mount, [Layered]
// for a copy), copying up, and what survives a crash. The volume below is a [Base] and is never
// written. It knows nothing of backups, FUSE and caching.
//
//	WriteAt ──> data file, at the volume's offset ──> bit in memory ──> Sync: data, then map
//	ReadAt  ──> bit? ── set ──> data file
//	                └── not ──> Base
//
// # Invariants
//
//   - A bit is on stable storage only if its block's data is. So a crash at any moment leaves each
//     block of 4 KiB as it was at the last Sync, or as some later write left it: never half of a
//     copied-up block, never zeros that were not written.
//   - A whole block, verified by the Base, is copied up before a part of it is changed.
//   - A write that does not find enough space is refused before it is acknowledged: space for the
//     map is allocated before the data is written.
//   - Bits are set and never cleared. A block that was made zero has its bit set and is a hole in
//     the data file, unless the volume is known to be zero there.
//   - What the data file holds where no bit is set was left by a crash, and is never read.
//   - Memory is bounded: maxPages pages of the map, 4 KiB for each 124 MiB of
//     the volume that has been written to, 8 MiB at most, and half as much again
//     during a Sync.
//   - No lock is held across I/O. A goroutine that changes a range holds that range (ranges), and
//     one that changes the structure of the files holds the token (Overlay.token); waiting for
//     either ends with the context.
//
// # Hazards
//
// After the kernel has failed to write data to stable storage it forgets the failure: a later
// fdatasync(2) would succeed. So the first such failure is kept, and every later write and Sync
// returns it. What was synced before is safe.
//
// A block is overwritten in place by one write(2) to the page cache; after a power cut while the
// disk writes it, it is what the disk makes of it. There is no protection against disks that tear
// writes of 4 KiB.
//
// The bytes in the data file have no checksums; the map has.
package overlay
