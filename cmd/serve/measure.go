package serve

import (
	"maps"
	"os"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/safetext"
)

func (s *Disks) figures() Figures {
	f := Figures{Metrics: s.o.MetricsAddress}
	c := s.cache.Stats()
	f.Cache = CacheFigures{BudgetBytes: c.MemoryBytes, UsedBytes: c.UsedBytes,
		SpareBytes: c.SpareBytes, Hits: c.Hits, Misses: c.Misses,
		Zeros: c.Zeros, Evictions: c.Evictions, ReadAhead: c.Prefetched,
		ReadAheadWasted: c.PrefetchWasted, Loads: c.Loads,
		LoadErrors: c.LoadErrors, LoadedBytes: c.LoadedBytes, MemoryWaits: c.MemoryWaits}
	if s.disk != nil {
		d := s.disk.Stats()
		f.DiskCache = &DiskCacheFigures{BudgetBytes: d.Limit, UsedBytes: d.UsedBytes,
			Entries: d.Entries, Hits: d.Hits, HitBytes: d.HitBytes,
			Misses: d.Misses, Stored: d.Stored, Dropped: d.Dropped, Evictions: d.Evictions,
			Corrupt: d.Corrupt, Full: d.Full}
	}
	b := s.catalog.Stats()
	d := b.Decoders
	f.Decoders = DecoderFigures{BudgetBytes: d.MemoryBytes, UsedBytes: d.HeldBytes,
		Starts: d.Starts, Resumes: d.Resumes,
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

// maxProblemIDs bounds the number of ids in Status.
const maxProblemIDs = 20

func (s *Disks) status() Status {
	f := Status{PID: os.Getpid(), Version: s.o.Version, Started: s.started, Share: s.o.Share,
		Overlay: s.o.Overlay, Figures: s.figures()}
	s.mu.Lock()
	defer s.mu.Unlock()
	f.Backups, f.OpenVolumes, f.Looked = len(s.backups), len(s.open), s.looked.UTC().Truncate(
		time.Second)
	f.LookedAt, f.LookFailing = float64(s.looked.UnixMilli())/1000, s.lookErr != nil
	if s.lookErr != nil {
		f.LookError = s.lookErr.Error()
	}
	for _, shown := range s.backups {
		switch b := s.byID[shown.ID]; b.State {
		case backupstore.Complete:
			f.States.Complete++
		case backupstore.Incomplete:
			f.States.Incomplete++
			f.Incomplete++
		default:
			f.States.Broken++
			if f.Problems++; len(f.Problem) < maxProblemIDs {
				f.Problem = append(f.Problem, b.ID)
			}
		}
	}
	return f
}

// StatusFile returns the status as JSON, for fusefs.Options.Status.
func (s *Disks) StatusFile() ([]byte, error) { return safetext.JSON(s.status(), true) }
