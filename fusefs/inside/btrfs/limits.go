package btrfs

const (
	maxNode        = 64 << 10
	maxLevel       = 8
	maxChunks      = 1 << 16 // that are in memory
	maxStripes     = 64      // of a chunk
	maxCopies      = 4       // of a chunk that are kept: no profile has more
	maxSubvolume   = 1 << 24 // above the numbers of subvolumes
	maxExtent      = 1 << 20 // bytes of what is compressed together; Linux has 128 KiB at most
	maxTarget      = 64 << 10
	maxXattrs      = 1 << 20 // bytes that are kept of the extended attributes of a file
	maxName        = 255
	keptSubvolumes = 1024
	readBytes      = 64 << 10
)
