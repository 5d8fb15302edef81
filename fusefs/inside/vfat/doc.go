// Package vfat reads FAT12, FAT16, FAT32 and exFAT file systems from the bytes of
// a disk: their tree, attributes and contents. Nothing is ever written.
//
// It owns these formats. It leaves to others where the bytes come from (an
// [io.ReaderAt]), which partition holds a file system, and paths.
//
// FAT has no inodes. A file is named by where its entry begins in its directory, in
// units of 32 bytes from the start of the file system, and the root by 1.
//
// # Sources
//
// "Microsoft Extensible Firmware Initiative FAT32 File System Specification" 1.03,
// "exFAT file system specification" of Microsoft, and fs/fat and fs/exfat of Linux
// where these differ: which of FAT12, FAT16 and FAT32 it is, is what Linux takes it
// for.
//
// # Invariants
//
//   - The disk is not trusted. Each number from it is checked before it is used as an
//     offset, a length or a count; a chain of clusters is never followed further than
//     the file system has clusters, a directory never further than it may be long.
//   - No byte from outside of [0, size) is asked for: [reading.Disk.Read] alone reads.
//   - Memory is bounded by [Options].
//   - Reads are whole or an error.
//
// # Concurrency
//
// An [FS] and a [File] may be used by many goroutines at once.
//
// # Hazards
//
//   - A damaged file system can hold a directory within itself. Callers that walk the
//     tree keep the numbers of the directories in which they are.
//   - Owners, permissions, links and holes do not exist here: files are 0644, or 0444
//     if they are marked as read-only, directories 0755, all root's.
//   - FAT has times without a zone, which are taken for UTC.
//   - Names are matched without regard to case where no name is equal.
package vfat
