// Package ntfs reads NTFS file systems from the bytes of a disk: their tree,
// attributes and contents. Nothing is ever written.
//
// It owns the format. It leaves to others where the bytes come from (an
// [io.ReaderAt]), which partition holds a file system, and paths.
//
// A file is named by the number of its record in the MFT. A stream of a file, other
// than the one that all programs read, has the number of the file and, above it, its
// place among the streams of that file; [FS.Lookup] finds it as NAME:STREAM.
//
// # Sources
//
// "[MS-FSCC]: File System Control Codes" and "[MS-XCA]: Xpress Compression Algorithm"
// (2.5, LZNT1) of Microsoft, fs/ntfs3 of Linux, and include/ntfs-3g/layout.h of ntfs-3g.
//
// # Invariants
//
//   - The disk is not trusted. Each number from it is checked before it is used as an
//     offset, a length or a count.
//   - No byte from outside of [0, size) is asked for: [reading.Disk.Read] alone reads.
//   - Records and blocks of directories are whole: a write that was cut short is an error
//     for what is in them, never taken for what was there before.
//   - An entry of a directory that leads to a record which belongs to another file by now
//     is an error.
//   - Memory is bounded by [Options], and by the constants of limits.go.
//   - Reads are whole or an error.
//
// # Concurrency
//
// An [FS] and a [File] may be used by many goroutines at once.
//
// # Hazards
//
//   - The log is not replayed. Windows writes records of the MFT some time after the log;
//     what a volume in use shows can be older than the disk, and [Info] tells so.
//   - A damaged file system can hold a directory within itself. Callers that walk the
//     tree keep the numbers of the directories in which they are.
//   - Owners and permissions are not translated: files are 0644, or 0444 if they are
//     marked as read-only, directories 0755, all root's.
//   - Names are matched without regard to case where no name is equal.
package ntfs
