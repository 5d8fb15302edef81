// Package parttable finds the partitions of a disk: those of a GPT, or of an
// MBR with its logical partitions.
//
// It owns the reading of tables and nothing else: it opens nothing, writes
// nothing, logs nothing, and knows of no backup. Whoever wrote the disk is not
// trusted, so all that the disk says is checked.
//
// # What counts
//
// What the Linux kernel would show of the disk is shown here, under the same
// numbers (block/partitions/efi.c and msdos.c of Linux), with these
// differences, which are for people who rescue data. Each of them, and what
// cannot be shown at all, is told in Table.Problems:
//
//   - a GPT is read that Linux refuses: by its second copy where the first is
//     damaged (UEFI 2.10, 5.3.2), with entries larger than 128 bytes, made for
//     sectors of 4096 bytes, with a header that reserves sectors behind the end,
//     or with a protective entry that does not begin at sector 1;
//   - a partition of a GPT that reaches beyond the end of the disk ends there;
//   - a list in the boot sector of a file system that fills the disk is left out
//     where it makes no sense, and always if that is FAT, exFAT or NTFS;
//   - a list of logical partitions that leads back to itself ends there;
//   - labels of BSD, Solaris, Sun, SGI, Apple, Atari, Amiga, Minix, UnixWare and
//     Windows' dynamic disks are named and not read.
//
// An extended partition is not shown itself, only the logical ones in it: of
// this nothing is told.
//
// testdata/linux.txt has Linux's answers for the disks of linux_test.go, which
// holds them against a kernel.
//
// A sector that ends in 55 AA is no MBR yet: the boot sectors of FAT, exFAT and
// NTFS do, and so does boot code at the start of an ext or btrfs file system.
// The rules are those of libblkid (libblkid/src/partitions/dos.c).
//
// Sectors have 512 or 4096 bytes, and a disk image does not say which. A GPT
// does: its header is in sector 1. For an MBR see sectorOf.
//
// # Invariants
//
//   - Every partition lies inside the disk and is not empty; numbers are unique.
//   - Time, memory and reads are bounded by constants, whatever the disk says:
//     see limits.go.
package parttable
