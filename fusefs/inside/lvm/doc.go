// Package lvm finds the logical volumes of LVM2 in the bytes of its physical volumes, and
// reads those that are linear, striped, thin, or mirrored, of which one copy is read.
// Nothing is ever written, and no device mapper is needed.
//
// It owns the labels and the metadata of LVM2, and that of pools of thin volumes. It leaves
// to others where the bytes come from, and what a logical volume holds. Snapshots that are
// not thin, RAID other than of copies, caches and VDO are named with the reason why they are
// not read.
//
// # Sources
//
// lib/format_text/layout.h, lib/label/label.h, lib/misc/crc.c and lib/format_text/import_vsn1.c
// of LVM2, and the manual page lvm.conf(5) for the syntax of the text;
// drivers/md/dm-thin-metadata.c and drivers/md/persistent-data of Linux for pools of thin volumes.
//
// # Invariants
//
//   - The disk is not trusted. Each number from it is checked before it is used; a volume reads
//     nothing from outside of the physical volumes that it was given.
//   - Checksums of labels, headers and text are checked.
//   - Time and memory are bounded by the constants of limits.go, whatever the disk says.
//
// # Concurrency
//
// A [Volume] never changes, and may be read by many goroutines at once.
package lvm
