// Package btrfs reads btrfs file systems from the bytes of a disk: their tree,
// attributes and contents. Nothing is ever written.
//
// It owns the format. It leaves to others where the bytes come from (an
// [io.ReaderAt]), which partition holds a file system, and paths.
//
// The root is that of the default subvolume, as a mount shows it, and subvolumes are
// directories. A file is named by its number within its subvolume and, above that, by the
// number of that subvolume.
//
// # Sources
//
// include/uapi/linux/btrfs_tree.h and fs/btrfs of Linux, "On-disk Format" of the
// documentation of btrfs-progs, and Documentation/staging/lzo.rst of Linux.
//
// # Invariants
//
//   - The disk is not trusted. Each number from it is checked before it is used as an
//     offset, a length or a count.
//   - No byte from outside of [0, size) is asked for: [FS.read] alone reads.
//   - What has a checksum is compared with it, and its second copy is used if it has one.
//   - Keys ascend within a tree, so that no walk over one ends later than the tree does.
//   - Memory is bounded by [Options], and by the constants of limits.go.
//   - Reads are whole or an error.
//
// # Concurrency
//
// An [FS] and a [File] may be used by many goroutines at once.
//
// # Hazards
//
//   - The log tree is not replayed: files that were synced one by one after the last
//     commit, half a minute ago at most, are as they were then. [Info] tells so.
//   - A damaged file system can hold a directory within itself. Callers that walk the
//     tree keep the numbers of the directories in which they are.
package btrfs
