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
// differences, which are for people who rescue data:
//
//   - a GPT whose first copy is damaged is taken from the second one
//     (UEFI 2.10, 5.3.2);
//   - a partition that reaches beyond the end of the disk ends there;
//   - an extended partition is not shown itself, only the logical ones in it;
//   - each of these, and what cannot be shown at all, is told in Table.Problems.
//
// A sector that ends in 55 AA is no MBR yet: the boot sectors of FAT, exFAT and
// NTFS do, and so does boot code at the start of an ext or btrfs file system.
// The rules are those of libblkid (libblkid/src/partitions/dos.c). Disk labels
// inside a partition (BSD, Solaris, Minix) are not looked for.
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
