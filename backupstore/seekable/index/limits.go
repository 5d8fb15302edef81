package index

// The limits on what an index holds. Files beyond them are refused, reports to
// a Builder beyond them are thinned out or ignored.
const (
	// MaxStateBytes is the most that the State of one checkpoint may have. A
	// checkpoint with a longer one is ignored. Usual are 2 to 64 KiB; a sparse
	// zstd window of 128 MiB takes about 5 MiB.
	MaxStateBytes = 8 << 20

	// maxCheckpoints bounds the checkpoints of one index: 8 MiB of memory,
	// 128 GiB at a spacing of 512 KiB. Beyond, every second one is dropped.
	maxCheckpoints = 1 << 18

	// maxZeros bounds the zero extents of one index (1 MiB of memory); beyond,
	// the shortest are dropped.
	maxZeros = 1 << 16

	// minZero is the length in bytes below which a zero extent is not worth an
	// entry.
	minZero = 64 << 10

	// memoryBytes bounds the records that one index keeps in memory because
	// they cannot be stored.
	memoryBytes = 2 << 20

	// maxObjectName bounds Key.Object; it is PATH_MAX of Linux. Indexes of
	// objects with longer names are kept in memory.
	maxObjectName = 4096
)
