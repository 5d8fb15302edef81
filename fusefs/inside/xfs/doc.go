// Package xfs reads XFS file systems, of versions 4 and 5, from the bytes of a
// disk: their tree, attributes and contents, as the kernel would show them after
// it has replayed the log. The log is replayed in memory. Nothing is ever
// written.
//
// It owns the on-disk format of XFS and of its log. It leaves to others where
// the bytes come from (an [io.ReaderAt]), which partition holds a file system,
// paths, and following symbolic links: a file is named by its inode number, and
// names are bytes.
//
// # Sources
//
// The formats are those of Linux (fs/xfs/libxfs/xfs_format.h, xfs_da_format.h,
// xfs_log_format.h; fs/xfs/xfs_log_recover.c, xfs_*_item_recover.c) and of the book "XFS Algorithms
// and Data Structures" of xfs-documentation. Where they differ the kernel is right.
//
// # Invariants
//
//   - The disk is not trusted. Each number from it is checked before it is
//     used as an offset, a length or a count; every walk is bounded by the size
//     of the file system or by a constant.
//   - No byte from outside of [0, size) is asked for: [reading.Disk.Read] alone reads.
//   - What version 5 has to identify metadata (checksum, UUID, owner, place) is
//     checked. What fails is an error for the files that need it, and for no others.
//   - What is stale is never shown: a log that cannot be replayed is [ErrLogDirty],
//     and files in the middle of what cannot be finished are [ErrUnsupported].
//   - Memory is bounded by [Options]: a cache of metadata, and what the log
//     replaces. Besides, each open file keeps one block of its map of extents.
//   - Reads are whole or an error.
//
// # Numbers of blocks
//
// XFS names a block by its allocation group and its place therein, in one
// number that has gaps. Here a block number counts from the beginning of the
// file system without gaps; [FS.linear] turns one into the other, and checks it.
//
// # Concurrency
//
// An [FS] and a [File] may be used by many goroutines at once. The only lock is
// that of the block cache; it is not held while reading.
//
// # Hazards
//
//   - A damaged file system can hold a directory within itself. Who walks the
//     tree keeps the inode numbers of the ancestors and refuses to descend into
//     one of them.
//   - A hostile sparse file can claim to be larger than any disk. Who copies it
//     goes by [File.NextData].
//   - Names may hold any byte but '/' and NUL.
package xfs
