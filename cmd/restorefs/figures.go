package main

import (
	"fmt"
	"maps"
	"time"
)

// figures is what a mount says of its work, a part of statusFile; its fields
// are a contract.
type figures struct {
	Metrics   string            `json:"metrics,omitempty"` // address at which they are served
	Cache     cacheFigures      `json:"cache"`
	DiskCache *diskCacheFigures `json:"disk_cache,omitempty"`
	Decoders  decoderFigures    `json:"decoders"`
	Indexing  *indexProgress    `json:"indexing,omitempty"`
	Damage    damageFigures     `json:"damage"`
	Errors    errorFigures      `json:"errors"`
}

type cacheFigures struct {
	BudgetBytes     int64  `json:"budget_bytes"`
	UsedBytes       int64  `json:"used_bytes"`
	Hits            uint64 `json:"hits"` // spans
	Misses          uint64 `json:"misses"`
	Zeros           uint64 `json:"zeros"`
	Evictions       uint64 `json:"evictions"`
	ReadAhead       uint64 `json:"read_ahead"`
	ReadAheadWasted uint64 `json:"read_ahead_wasted"`
}

type diskCacheFigures struct {
	BudgetBytes int64  `json:"budget_bytes"`
	UsedBytes   int64  `json:"used_bytes"`
	Hits        uint64 `json:"hits"` // entries
	Misses      uint64 `json:"misses"`
	Stored      uint64 `json:"stored"`
	Dropped     uint64 `json:"dropped"`
	Evictions   uint64 `json:"evictions"`
	Corrupt     uint64 `json:"corrupt"`
	Full        bool   `json:"full"` // nothing more is written
}

type decoderFigures struct {
	BudgetBytes   int64  `json:"budget_bytes"`
	UsedBytes     int64  `json:"used_bytes"`
	Starts        uint64 `json:"starts"`
	Resumes       uint64 `json:"resumes"`
	Continuations uint64 `json:"continuations"`
}

type damageFigures struct {
	VerificationFailures uint64 `json:"verification_failures"`
	HealedBlocks         uint64 `json:"healed_blocks"`
	DamagedBlocks        uint64 `json:"damaged_blocks"`
}

type errorFigures struct {
	Reads  map[string]uint64 `json:"reads"`                           // that failed, by kind
	Share  uint64            `json:"share"`                           // files and directories that could not be opened or read
	Waits  int64             `json:"share_waiting_seconds,omitempty"` // for how long the share has not answered
	Last   string            `json:"last,omitempty"`
	LastAt *time.Time        `json:"last_at,omitempty"`
}

func (s *served) figures() figures {
	f := figures{Metrics: s.metricsAt}
	c := s.cache.Stats()
	f.Cache = cacheFigures{BudgetBytes: c.MemoryBytes, UsedBytes: c.UsedBytes, Hits: c.Hits, Misses: c.Misses, Zeros: c.Zeros,
		Evictions: c.Evictions, ReadAhead: c.Prefetched, ReadAheadWasted: c.PrefetchWasted}
	if s.disk != nil {
		d := s.disk.Stats()
		f.DiskCache = &diskCacheFigures{BudgetBytes: d.Limit, UsedBytes: d.UsedBytes, Hits: d.Hits, Misses: d.Misses, Stored: d.Stored,
			Dropped: d.Dropped, Evictions: d.Evictions, Corrupt: d.Corrupt, Full: d.Full}
	}
	b := s.catalog.Stats()
	f.Decoders = decoderFigures{BudgetBytes: b.Decoders.MemoryBytes, UsedBytes: b.Decoders.HeldBytes, Starts: b.Decoders.Starts,
		Resumes: b.Decoders.Resumes, Continuations: b.Decoders.Continuations}
	f.Damage = damageFigures{b.VerificationFailures, b.HealedBlocks, b.DamagedBlocks}
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

// words says the most important of it.
func (f *figures) words() []string {
	var words []string
	if n := f.Cache.Hits + f.Cache.Misses; n > 0 {
		words = append(words, fmt.Sprintf("cache %s of %s, %d%% hits", formatSize(f.Cache.UsedBytes), formatSize(f.Cache.BudgetBytes), 100*f.Cache.Hits/n))
	}
	if d := f.DiskCache; d != nil {
		text := fmt.Sprintf("disk cache %s of %s", formatSize(d.UsedBytes), formatSize(d.BudgetBytes))
		if n := d.Hits + d.Misses; n > 0 {
			text += fmt.Sprintf(", %d%% hits", 100*d.Hits/n)
		}
		if d.Full {
			text += ", nothing is added: see the log"
		}
		words = append(words, text)
	}
	if x := f.Indexing; x != nil && x.VolumesDone < x.Volumes {
		words = append(words, fmt.Sprintf("indexing disk %d of %d, %s of %s", x.VolumesDone+1, x.Volumes, formatSize(x.BytesDone), formatSize(x.BytesTotal)))
	}
	if n := f.Errors.Waits; n > 0 {
		words = append(words, fmt.Sprintf("the share has not answered for %v", time.Duration(n)*time.Second))
	}
	if n := f.Damage.HealedBlocks; n > 0 {
		words = append(words, fmt.Sprintf("%d damaged blocks were taken from other backups", n))
	}
	if n := f.Errors.Reads[errorDamage] + f.Errors.Reads[errorShare] + f.Errors.Reads[errorOverlay]; n > 0 && f.Errors.LastAt != nil {
		words = append(words, fmt.Sprintf("%d reads failed, the last at %s: %s", n, f.Errors.LastAt.Format(time.DateTime), f.Errors.Last))
	}
	return words
}
