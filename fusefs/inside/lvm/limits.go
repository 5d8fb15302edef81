package lvm

const (
	maxText     = 16 << 20     // bytes of metadata; a physical volume has room for 1 MiB by default
	maxAreas    = 8            // of data or metadata on a physical volume
	maxAllText  = 16 * maxText // bytes of metadata that are read
	maxKept     = 2 * maxText  // bytes of it that count, of all groups
	maxNodes    = 1 << 18      // sections and values of all groups
	maxGroups   = 64
	maxDepth    = 8       // of sections
	maxVolumes  = 4096    // that are told of
	maxSegments = 1 << 18 // of all volumes
	maxStripes  = 128     // of a segment, as in LVM
	maxLayers   = 8       // volumes that lie on each other
	maxPools    = 16      // of thin volumes, each of which has nodes in memory
	maxChunk    = 1 << 30 // bytes of a block of a pool, as in LVM
	maxProblems = 16
)
