// Package parttable finds the partitions of a disk: those of a GPT, or of an
// MBR with its logical partitions.
//
// It owns the reading of partition tables and nothing else: it opens nothing,
// writes nothing, logs nothing, and knows nothing of backups. The disk is not
// trusted: everything it says is checked.
//
// # What counts
//
// This package finds the partitions that the Linux kernel would show, with the
// same numbers (block/partitions/efi.c and msdos.c of Linux), except for these
// differences, which help to rescue data. Table.Problems names each of them,
// and what cannot be shown at all:
//
//   - a GPT is read although Linux refuses it: from its second copy if the
//     first is damaged (UEFI 2.10, 5.3.2), with entries larger than 128 bytes,
//     made for sectors of 4096 bytes, with a header that reserves sectors
//     behind the end, or with a protective entry that does not begin at sector
//     1;
//   - a partition of a GPT that reaches beyond the end of the disk ends there;
//   - a list in the boot sector of a file system that fills the disk is left
//     out if it makes no sense, and always if the file system is FAT, exFAT or
//     NTFS;
//   - a chain of logical partitions that leads back to itself ends there;
//   - labels of BSD, Solaris, Sun, SGI, Apple, Atari, Amiga, Minix, UnixWare and
//     Windows' dynamic disks are named and not read.
//
// An extended partition itself is not shown, only the logical partitions in it.
// This is not reported.
//
// testdata/linux.txt has what Linux shows of the disks in linux_test.go, which
// compares it with a kernel.
//
// Not every sector that ends in 55 AA is an MBR: the boot sectors of FAT, exFAT
// and NTFS end so too, and so does boot code at the start of an ext or btrfs
// file system. The rules are those of libblkid (libblkid/src/partitions/dos.c).
//
// Sectors have 512 or 4096 bytes, and a disk image does not say which. The
// place of a GPT's header, sector 1, tells it. For an MBR see sectorOf.
//
// # Invariants
//
//   - Every partition lies inside the disk and is not empty; numbers are unique.
//   - Time, memory and reads are bounded by constants, whatever the disk says;
//     see limits.go.
package parttable
