package serve

import "time"

// Figures are what a mount reports about its work, in its status and as metrics. Each is one field,
// with tags for its name in the JSON and for the name and the labels of its metric; what each
// metric is stands in help. A figure of the metrics alone has the JSON name "-", and one of the
// status alone has no metric tag. Metrics that end with _total are counters, all others gauges. The
// names are a contract, see docs/metrics.md.
type Figures struct {
	// the address at which metrics are served
	Metrics   string            `json:"metrics,omitempty"`
	Cache     CacheFigures      `json:"cache"`
	DiskCache *DiskCacheFigures `json:"disk_cache,omitempty"` // nil: there is none
	Decoders  DecoderFigures    `json:"decoders"`
	// nil: nothing is indexed in the background
	Indexing *IndexProgress `json:"indexing,omitempty"`
	Damage   DamageFigures  `json:"damage"`
	Errors   ErrorFigures   `json:"errors"`
}

// CacheFigures are those of the cache of decoded data in memory. A span is 32 KiB, or a
// block.
type CacheFigures struct {
	BudgetBytes     int64  `json:"budget_bytes" metric:"cache_limit_bytes"`
	UsedBytes       int64  `json:"used_bytes" metric:"cache_bytes{state=used}"`
	SpareBytes      int64  `json:"-" metric:"cache_bytes{state=spare}"`
	Hits            uint64 `json:"hits" metric:"cache_hits_total"`
	Misses          uint64 `json:"misses" metric:"cache_misses_total"`
	Zeros           uint64 `json:"zeros" metric:"cache_zeros_total"`
	Evictions       uint64 `json:"evictions" metric:"cache_evictions_total"`
	ReadAhead       uint64 `json:"read_ahead" metric:"cache_read_ahead_spans_total"`
	ReadAheadWasted uint64 `json:"read_ahead_wasted" metric:"cache_read_ahead_wasted_spans_total"`
	Loads           uint64 `json:"-" metric:"cache_loads_total"`
	LoadErrors      uint64 `json:"-" metric:"cache_load_errors_total"`
	LoadedBytes     uint64 `json:"-" metric:"cache_loaded_bytes_total"`
	MemoryWaits     uint64 `json:"-" metric:"cache_memory_waits_total"`
}

// DiskCacheFigures are those of the disk cache. An entry is 32 KiB, or a block.
type DiskCacheFigures struct {
	BudgetBytes int64  `json:"budget_bytes" metric:"disk_cache_limit_bytes"`
	UsedBytes   int64  `json:"used_bytes" metric:"disk_cache_bytes"`
	Entries     int64  `json:"-" metric:"disk_cache_entries"`
	Hits        uint64 `json:"hits" metric:"disk_cache_hits_total"`
	HitBytes    uint64 `json:"-" metric:"disk_cache_hit_bytes_total"`
	Misses      uint64 `json:"misses" metric:"disk_cache_misses_total"`
	Stored      uint64 `json:"stored" metric:"disk_cache_stored_total"`
	Dropped     uint64 `json:"dropped" metric:"disk_cache_dropped_total"`
	Evictions   uint64 `json:"evictions" metric:"disk_cache_evictions_total"`
	Corrupt     uint64 `json:"corrupt" metric:"disk_cache_corrupt_total"`
	Full        bool   `json:"full" metric:"disk_cache_full"`
}

// DecoderFigures are those of the decoders.
type DecoderFigures struct {
	BudgetBytes   int64  `json:"budget_bytes" metric:"decoder_memory_limit_bytes"`
	UsedBytes     int64  `json:"used_bytes" metric:"decoder_memory_bytes"`
	Starts        uint64 `json:"starts" metric:"decoder_uses_total{how=start}"`
	Resumes       uint64 `json:"resumes" metric:"decoder_uses_total{how=resume}"`
	Continuations uint64 `json:"continuations" metric:"decoder_uses_total{how=continue}"`
	Parked        int    `json:"-" metric:"decoders_parked"`
	Waiting       int    `json:"-" metric:"decoder_memory_waiters"`
}

// IndexProgress is how far indexing in the background has got.
type IndexProgress struct {
	Volumes        int    `json:"volumes"` // opened since the mount began
	VolumesDone    int    `json:"volumes_done" metric:"indexing_volumes{state=done}"`
	VolumesWaiting int    `json:"-" metric:"indexing_volumes{state=waiting}"`
	Backup         string `json:"backup,omitempty"` // being indexed, or else the last one
	BytesDone      int64  `json:"bytes_done" metric:"indexing_done_bytes"`
	BytesTotal     int64  `json:"bytes_total" metric:"indexing_wanted_bytes"`
}

// DamageFigures count the damage found on the share.
type DamageFigures struct {
	VerificationFailures uint64 `json:"verification_failures" metric:"verification_failures_total"`
	HealedBlocks         uint64 `json:"healed_blocks" metric:"healed_blocks_total"`
	DamagedBlocks        uint64 `json:"damaged_blocks" metric:"damaged_blocks_total"`
}

// ErrorFigures count errors. The metrics of failed reads are kept by meter.
type ErrorFigures struct {
	Reads  map[string]uint64 `json:"reads"` // failed ones by kind, such as ErrorDamage
	Share  uint64            `json:"share" metric:"share_errors_total"`
	Waits  int64             `json:"share_waiting_seconds,omitempty" metric:"share_waiting_seconds"`
	Last   string            `json:"last,omitempty"`
	LastAt *time.Time        `json:"last_at,omitempty"`
}
