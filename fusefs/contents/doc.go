// Package contents says what lies on a disk and in its partitions: the kind of
// file system, or what else it is, and whether it was in use when the disk was
// copied.
//
// A backup of a running machine is a copy of a disk that was in use. Its newest
// changes are in a journal; without replaying that, as in a read-only mount,
// one sees an old state or nothing at all, and no error. This package reads
// from the structures of each file system whether it was in use, so that the
// operator can be told.
//
// It owns this recognition and nothing else: it opens nothing, writes nothing,
// replays nothing, and knows nothing of backups. parttable finds the
// partitions.
//
// # Sources
//
// Each file names the header of Linux or the document that specifies its
// format. The state of a file system is judged as the kernel's own driver
// judges it at a mount.
//
// # Invariants
//
//   - The disk is not trusted: every number on it is checked before it is used.
//   - Time, memory and reads are bounded by constants for each partition,
//     whatever it holds: less than 200 reads, and less than 1 MiB in all.
//   - Labels are bytes of the disk, as many as the format has; code that prints
//     them must make them safe for a terminal.
package contents
