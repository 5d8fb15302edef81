// Package diskmap makes a picture of a backup's disk: which parts of it are zero, from which backup
// of the chain the others come, what is damaged or healed, where the partitions are; for a
// terminal, as SVG, as PNG, as JSON.
//
// A picture has a bounded number of cells, whatever the size of the disk; a disk with more blocks
// than [exactBlocks] is looked at in some blocks of each cell only, and the picture says so. No
// object is decoded for it: it is made of _metadata and digests. What is damaged it is told by
// whoever has verified the backup.
//
// It opens nothing, reads no flags, and decides nothing about data.
package diskmap
