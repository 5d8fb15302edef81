package ntfs

const (
	minRecord    = 256 // bytes of a record of the MFT, or of a block of a directory
	maxRecord    = 64 << 10
	maxCluster   = 2 << 20
	maxList      = 256 << 10 // bytes of a list of attributes, as in Windows
	maxMFTRuns   = 1 << 17   // of the MFT, which are in memory
	maxUnit      = 1 << 20   // bytes that are compressed together; Windows has 64 KiB at most
	maxNames     = 1024      // attributes of one kind that are looked at in one file
	maxReparse   = 16 << 10
	aliveRounds  = 4096 // without a read, after which it is asked whether one still waits
	maxSearched  = 64   // blocks of a directory that are searched for one name
	maxNameUnits = 255  // of a name, in UTF-16
	maxBad       = 100  // blocks of one directory that are damaged before the rest is left

	// Streams that are given as extended attributes.
	maxStream     = 64 << 10
	maxAllStreams = 1 << 20
)
