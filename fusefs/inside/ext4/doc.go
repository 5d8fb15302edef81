// Package ext4 reads ext2, ext3 and ext4 file systems from the bytes of a
// disk: their tree, attributes and contents, as the kernel would show them
// after it has replayed the journal. The journal is replayed in memory.
// Nothing is ever written.
//
// It owns the on-disk format of the ext family and of its journal (jbd2, with
// fast commits). It leaves to others where the bytes come from (an
// [io.ReaderAt]), which partition holds a file system, paths, and following
// symbolic links: a file is named by its inode number, and names are bytes.
//
// # Sources
//
// The formats are those of Linux (fs/ext4/ext4.h, ext4_extents.h, ext4_jbd2.h,
// fast_commit.h, xattr.h, fs/jbd2/recovery.c, include/linux/jbd2.h) and of
// Documentation/filesystems/ext4. Where the two differ the kernel is right.
//
// # Invariants
//
//   - The disk is not trusted. Each number from it is checked before it is
//     used as an offset, a length or a count; every walk is bounded by the size
//     of the file system or by a constant.
//   - No byte from outside of [0, size) is asked for: [reading.Disk.Read] alone reads.
//   - Checksums of metadata are checked where the file system has them. What
//     fails is an error for the files that need it, and for no others.
//   - Memory is bounded by [Options]: a cache of metadata blocks and a table of
//     what the journal replaces. Besides, each open file keeps one block of its
//     extent tree, or its contents if they are inline.
//   - Reads are whole or an error.
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
package ext4
