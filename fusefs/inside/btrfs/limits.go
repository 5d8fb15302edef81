package btrfs

const (
	maxNode       = 64 << 10
	maxLevel      = 8
	maxChunks     = 1 << 17 // that are in memory
	maxStripes    = 64      // of a chunk
	maxSubvolumes = 1 << 16 // that are met
	maxExtent     = 1 << 20 // bytes of what is compressed together; Linux has 128 KiB at most
	maxTarget     = 64 << 10
	maxXattrs     = 1 << 20 // bytes of the extended attributes of a file
	readBytes     = 64 << 10
)
