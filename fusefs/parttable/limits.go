package parttable

const (
	// maxPartitions is how many are shown, as in Linux (DISK_MAX_PARTS).
	maxPartitions = 256

	// maxLinks bounds the chain of tables of logical partitions.
	maxLinks = 2 * maxPartitions

	// maxEntriesBytes bounds the entries of a GPT, which are read in pieces of
	// chunkBytes for their checksum. Those of 128 partitions take 16 KiB.
	maxEntriesBytes = 4 << 20
	chunkBytes      = 16 << 10

	// maxProblems bounds what is told about one table.
	maxProblems = 16
)
