// Package contents says what lies on a disk and in its partitions: the kind of
// file system, or what else it is, and whether it was in use when the disk was
// copied.
//
// A backup of a running machine is a copy of a disk that was in use. Its newest
// changes are in a journal, and who reads the disk without replaying that, as
// read-only mounts do, sees an old state or nothing, without an error. This
// package finds it out from what each file system writes down of itself, so
// that the operator can be told.
//
// It owns the recognition and nothing else: it opens nothing, writes nothing,
// replays nothing, and knows of no backup. Where partitions are is the business
// of parttable.
//
// # Sources
//
// Each file names the header of Linux, or the documents, that its format is
// from. Where the state of a file system is judged, it is as the kernel's own
// driver judges it at a mount.
//
// # Invariants
//
//   - Whoever wrote the disk is not trusted: every number of it is checked
//     before it is used.
//   - Time, memory and reads are bounded by constants for each partition,
//     whatever it holds: less than 200 reads, and less than 1 MiB in all.
//   - Labels are the disk's own bytes, cut to the length that the format has;
//     whoever prints them makes them safe for a terminal.
package contents
