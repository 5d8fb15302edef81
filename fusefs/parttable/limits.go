package parttable

const (
	// maxPartitions is the largest number of partitions shown, as in Linux
	// (DISK_MAX_PARTS).
	maxPartitions = 256

	// maxLinks bounds the chain of tables of logical partitions.
	maxLinks = 2 * maxPartitions

	// maxEntriesBytes bounds the entries of a GPT, which are read in pieces of
	// pieceBytes. The entries of 128 partitions take 16 KiB.
	maxEntriesBytes = 4 << 20
	pieceBytes      = 16 << 10

	// maxProblems bounds the problems reported for one table.
	maxProblems = 16
)
