// Package overlay keeps what is written onto a read-only volume: per backup a
// sparse data file and a map of the blocks that are in it, in a directory of
// the user's. docs/overlay-format.md has the layout and the rules of recovery.
//
// It owns those files, who may use them, the merging of reads ([Overlay.Merge]
// for a mount, [Layered] for a copy), copying up, and what survives a crash. The volume below is a [Base] and is never written;
// what a backup is, FUSE and caching are others' business. It imports nothing
// of the project.
//
//	WriteAt ──> data file, at the volume's offset ──> bit in memory ──> Sync: data, then map
//	ReadAt  ──> bit? ── set ──> data file
//	                └── not ──> Base
//
// # Invariants
//
//   - A bit is on stable storage only when its block's data is. So a crash at
//     any moment leaves each block of 4 KiB as it was at the last Sync, or as
//     some later write left it: never half of a copied-up block, never zeros
//     that nobody wrote.
//   - A block is copied up whole, verified by the Base, before a part of it is
//     changed.
//   - A write is refused for want of space before it is acknowledged: the map's
//     room is taken before the data is written.
//   - Bits are set and never cleared. A block that was made zero is set, and a
//     hole in the data file; unless the volume is known to be zero there.
//   - What the data file holds where no bit is set is rubbish of a crash, and
//     never looked at.
//   - Memory is bounded: maxPages pages of the map, 4 KiB for each 124 MiB of
//     the volume that has been written to, 8 MiB at most, and half as much again
//     during a Sync.
//   - No lock is held across I/O. Who changes a range holds the range (ranges),
//     who changes the files' structure holds the token (Overlay.token); both are
//     given up on when a context ends.
//
// # Hazards
//
// After the kernel failed to write data to stable storage it forgets that it
// did: a later fdatasync(2) would succeed. So the first such failure is kept,
// and every later write and Sync has it. What was synced before stays.
//
// In place, a block is replaced by one write(2) of the page cache; a power cut
// while the disk does the same leaves what the disk makes of it. Disks that
// tear inside 4 KiB are not protected against.
//
// The bytes in the data file have no checksums; the map has.
package overlay
