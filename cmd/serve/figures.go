package serve

import (
	"maps"
	"time"
)

// Figures are what a mount reports about its work, in its status and as metrics. Each is one field,
// with tags for its name in the JSON and for the name, the labels and the help of its metric. A
// figure of the metrics alone has the JSON name "-", and one of the status alone has no metric tag.
// Metrics that end with _total are counters, all others gauges. The names are a contract, see
// docs/metrics.md.
type Figures struct {
	Metrics   string            `json:"metrics,omitempty"` // the address at which metrics are served
	Cache     CacheFigures      `json:"cache"`
	DiskCache *DiskCacheFigures `json:"disk_cache,omitempty"` // nil: there is none
	Decoders  DecoderFigures    `json:"decoders"`
	Indexing  *IndexProgress    `json:"indexing,omitempty"` // nil: nothing is indexed in the background
	Damage    DamageFigures     `json:"damage"`
	Errors    ErrorFigures      `json:"errors"`
}

// CacheFigures are those of the cache of decoded data in memory. A span is 128 KiB.
type CacheFigures struct {
	BudgetBytes     int64  `json:"budget_bytes" metric:"cache_limit_bytes" help:"Memory that the cache of decoded data may take."`
	UsedBytes       int64  `json:"used_bytes" metric:"cache_bytes{state=used}" help:"Memory of the cache of decoded data, by state."`
	SpareBytes      int64  `json:"-" metric:"cache_bytes{state=spare}" help:"Memory of the cache of decoded data, by state."`
	Hits            uint64 `json:"hits" metric:"cache_hits_total" help:"Spans that readers found in memory."`
	Misses          uint64 `json:"misses" metric:"cache_misses_total" help:"Spans that readers did not find in memory."`
	Zeros           uint64 `json:"zeros" metric:"cache_zeros_total" help:"Spans known to be zero, for which nothing was needed."`
	Evictions       uint64 `json:"evictions" metric:"cache_evictions_total" help:"Spans that made room for others."`
	ReadAhead       uint64 `json:"read_ahead" metric:"cache_read_ahead_spans_total" help:"Spans loaded ahead of readers."`
	ReadAheadWasted uint64 `json:"read_ahead_wasted" metric:"cache_read_ahead_wasted_spans_total" help:"Spans loaded ahead of readers and evicted before they were read."`
	Loads           uint64 `json:"-" metric:"cache_loads_total" help:"Times that the cache had something loaded, from the disk cache or by decoding."`
	LoadErrors      uint64 `json:"-" metric:"cache_load_errors_total" help:"Times that this failed."`
	LoadedBytes     uint64 `json:"-" metric:"cache_loaded_bytes_total" help:"Bytes loaded into the cache."`
	MemoryWaits     uint64 `json:"-" metric:"cache_memory_waits_total" help:"Reads that had to wait for memory of the cache."`
}

// DiskCacheFigures are those of the disk cache. An entry is 32 KiB, or a block.
type DiskCacheFigures struct {
	BudgetBytes int64  `json:"budget_bytes" metric:"disk_cache_limit_bytes" help:"Size that the disk cache may have."`
	UsedBytes   int64  `json:"used_bytes" metric:"disk_cache_bytes" help:"Decoded data in the disk cache."`
	Entries     int64  `json:"-" metric:"disk_cache_entries" help:"Entries of the disk cache."`
	Hits        uint64 `json:"hits" metric:"disk_cache_hits_total" help:"Entries found in the disk cache."`
	HitBytes    uint64 `json:"-" metric:"disk_cache_hit_bytes_total" help:"Bytes read from the disk cache."`
	Misses      uint64 `json:"misses" metric:"disk_cache_misses_total" help:"Entries not found in the disk cache."`
	Stored      uint64 `json:"stored" metric:"disk_cache_stored_total" help:"Entries written to the disk cache."`
	Dropped     uint64 `json:"dropped" metric:"disk_cache_dropped_total" help:"Entries not written to the disk cache because it could not keep up."`
	Evictions   uint64 `json:"evictions" metric:"disk_cache_evictions_total" help:"Entries of the disk cache that made room for others."`
	Corrupt     uint64 `json:"corrupt" metric:"disk_cache_corrupt_total" help:"Entries of the disk cache that could not be read or had another digest."`
	Full        bool   `json:"full" metric:"disk_cache_full" help:"1 when nothing more is written to the disk cache: its disk is full, or failed."`
}

// DecoderFigures are those of the decoders.
type DecoderFigures struct {
	BudgetBytes   int64  `json:"budget_bytes" metric:"decoder_memory_limit_bytes" help:"Memory that decoders may hold."`
	UsedBytes     int64  `json:"used_bytes" metric:"decoder_memory_bytes" help:"Memory that decoders hold."`
	Starts        uint64 `json:"starts" metric:"decoder_uses_total{how=start}" help:"Decoders put to use, by how: start at an object's start, resume at a checkpoint, continue where they stood."`
	Resumes       uint64 `json:"resumes" metric:"decoder_uses_total{how=resume}" help:"Decoders put to use, by how: start at an object's start, resume at a checkpoint, continue where they stood."`
	Continuations uint64 `json:"continuations" metric:"decoder_uses_total{how=continue}" help:"Decoders put to use, by how: start at an object's start, resume at a checkpoint, continue where they stood."`
	Parked        int    `json:"-" metric:"decoders_parked" help:"Decoders that wait for the next read."`
	Waiting       int    `json:"-" metric:"decoder_memory_waiters" help:"Reads that wait for memory of decoders."`
}

// IndexProgress is how far indexing in the background has got.
type IndexProgress struct {
	Volumes        int    `json:"volumes"` // opened since the mount began
	VolumesDone    int    `json:"volumes_done" metric:"indexing_volumes{state=done}" help:"Disks to be indexed in the background, since the mount began, by state."`
	VolumesWaiting int    `json:"-" metric:"indexing_volumes{state=waiting}" help:"Disks to be indexed in the background, since the mount began, by state."`
	Backup         string `json:"backup,omitempty"` // being indexed, or else the last one
	BytesDone      int64  `json:"bytes_done" metric:"indexing_done_bytes" help:"Bytes indexed of the disk that is being indexed, or was last."`
	BytesTotal     int64  `json:"bytes_total" metric:"indexing_wanted_bytes" help:"Bytes to be indexed of it."`
}

// DamageFigures count the damage found on the share.
type DamageFigures struct {
	VerificationFailures uint64 `json:"verification_failures" metric:"verification_failures_total" help:"Decoded blocks and objects that did not have their digest, those included that were right when read again."`
	HealedBlocks         uint64 `json:"healed_blocks" metric:"healed_blocks_total" help:"Damaged blocks that were taken from other backups."`
	DamagedBlocks        uint64 `json:"damaged_blocks" metric:"damaged_blocks_total" help:"Damaged blocks that could not be had at all."`
}

// ErrorFigures count errors. The metrics of failed reads are kept by meter.
type ErrorFigures struct {
	Reads  map[string]uint64 `json:"reads"` // failed ones by kind, such as ErrorDamage
	Share  uint64            `json:"share" metric:"share_errors_total" help:"Files and directories of the share that could not be opened or read."`
	Waits  int64             `json:"share_waiting_seconds,omitempty" metric:"share_waiting_seconds" help:"For how long the share has not answered; 0 while it does."`
	Last   string            `json:"last,omitempty"`
	LastAt *time.Time        `json:"last_at,omitempty"`
}

func (s *Disks) figures() Figures {
	f := Figures{Metrics: s.o.MetricsAddress}
	c := s.cache.Stats()
	f.Cache = CacheFigures{BudgetBytes: c.MemoryBytes, UsedBytes: c.UsedBytes, SpareBytes: c.SpareBytes, Hits: c.Hits, Misses: c.Misses,
		Zeros: c.Zeros, Evictions: c.Evictions, ReadAhead: c.Prefetched, ReadAheadWasted: c.PrefetchWasted, Loads: c.Loads,
		LoadErrors: c.LoadErrors, LoadedBytes: c.LoadedBytes, MemoryWaits: c.MemoryWaits}
	if s.disk != nil {
		d := s.disk.Stats()
		f.DiskCache = &DiskCacheFigures{BudgetBytes: d.Limit, UsedBytes: d.UsedBytes, Entries: d.Entries, Hits: d.Hits, HitBytes: d.HitBytes,
			Misses: d.Misses, Stored: d.Stored, Dropped: d.Dropped, Evictions: d.Evictions, Corrupt: d.Corrupt, Full: d.Full}
	}
	b := s.catalog.Stats()
	d := b.Decoders
	f.Decoders = DecoderFigures{BudgetBytes: d.MemoryBytes, UsedBytes: d.HeldBytes, Starts: d.Starts, Resumes: d.Resumes,
		Continuations: d.Continuations, Parked: d.Parked, Waiting: d.Waiting}
	f.Damage = DamageFigures{b.VerificationFailures, b.HealedBlocks, b.DamagedBlocks}
	f.Errors.Share, f.Errors.Waits = b.ShareErrors, int64(b.ShareWaiting.Seconds())
	if s.indexer != nil {
		p := s.indexer.progress()
		f.Indexing = &p
	}
	s.meter.mu.Lock()
	defer s.meter.mu.Unlock()
	f.Errors.Reads, f.Errors.Last = maps.Clone(s.meter.counts), s.meter.last
	if at := s.meter.lastAt; !at.IsZero() {
		at = at.UTC().Truncate(time.Second)
		f.Errors.LastAt = &at
	}
	return f
}
