// Package live restores a volume onto a device while a guest uses it: the machine runs from the
// first second, and what it runs on becomes the volume itself.
//
// It owns the map of what is valid on the device (docs/live-format.md), where each read and write
// of the guest goes, the copying of the rest, the proof at the end, and the phases of all that
// ([Phase]). What the backup is, how the guest's requests come here, and how it is given the device
// at the end are for others; they fit [Source], [Base] and [Device].
//
//	guest reads  ──> valid? ── yes ──> Device
//	                        └─ no ───> Base (the backup, through a cache)
//	guest writes ──> Device, then valid and the guest's
//	Fill         ──> Source ──> Device, where it is not valid yet, then valid
//	Sync         ──> Device, then the map
//	Prove        ──> Device ──> the backup's digests, where it is not the guest's
//
// # Invariants
//
//   - A block is valid on stable storage only if what the device holds there is. So a crash at any
//     moment leaves each block of 4 KiB as it was at the last Sync, or as some later write left it.
//   - Before a part of a block is written that is not valid, the rest of it is read from the
//     backup, verified.
//   - What is valid stays valid. What the guest wrote, or may have written, is noted: never later
//     than the write could be on stable storage where the map says that the block is the backup's.
//     Only what is not the guest's is compared with the backup, and written again if it differs.
//   - Holes of the backup are not marked. They count as zero on the device up to an offset that is
//     kept only by a process that ends in order; after a crash they are made zero again, where the
//     guest has not written.
//   - No lock is held across I/O. A goroutine that changes a range of the device claims that range,
//     and one that writes the state file holds the token (Volume.token).
//   - Memory is bounded: maxPages pages of the map at 8 KiB and as much again of what the file has
//     of them, and four pieces for each of FillOptions.Jobs.
//
// # Hazards
//
// After the kernel has failed to write data to stable storage it forgets the failure. So the first
// one is kept, and every later write and Sync returns it.
//
// A block is overwritten in place: after a power cut while a disk writes it, it is what the disk
// makes of it. The map has checksums, the device's bytes have none until they are compared.
//
// Whoever writes to the device by itself meanwhile is not noticed before the proof.
//
// # Stability
//
// The Go names may change until the first release.
package live
