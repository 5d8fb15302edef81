package backupstore

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/restorefs/restorefs/backupstore/format"
)

const (
	// maxSiblings bounds the backups whose digest rows are read to heal one volume, maxHealers
	// those of them whose objects are read.
	maxSiblings = 32
	maxHealers  = 8
)

// siblings is what a volume knows of other backups of the same volume, and has read from them.
type siblings struct {
	mu      sync.Mutex
	listed  bool
	all     []*sibling
	healers int // siblings whose objects are known
	healed  ranges
	said    map[string]bool // objects whose healing has been logged
}

// sibling is one of these, opened as far as was needed.
type sibling struct {
	backup *Backup
	chain  map[*Backup]bool
	turn   chan struct{} // held by the goroutine that opens it

	mu     sync.Mutex
	volume *Volume // nil: not opened yet
	whole  bool    // its objects are known too
	failed bool
}

// list returns the siblings of v, nearest in time first.
func (s *siblings) list(v *Volume) []*sibling {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listed {
		return s.all
	}
	s.listed = true
	b := v.chain[0]
	full := fullOf(b)
	var near []*Backup
	for _, o := range v.catalog.Backups() {
		if o.VolumeID == b.VolumeID && o.ID != b.ID && o.HasDigests && o.Chain() != nil {
			near = append(near, o)
		}
	}
	distance := func(o *Backup) time.Duration { return o.CreatedAt.Sub(b.CreatedAt).Abs() }
	slices.SortStableFunc(near, func(x, y *Backup) int { return cmp.Compare(distance(x), distance(y)) })
	// Backups on the same full backup get half of the places, so that they do not exclude the
	// others, however many they are.
	room := map[bool]int{true: maxSiblings / 2, false: maxSiblings / 2}
	for _, o := range near {
		related := fullOf(o) == full
		if room[related]--; room[related] < 0 {
			continue
		}
		chain := map[*Backup]bool{}
		for _, l := range o.Chain() {
			chain[l] = true
		}
		s.all = append(s.all, &sibling{backup: o, chain: chain, turn: make(chan struct{}, 1)})
	}
	return s.all
}

// fullOf returns the full backup of b's chain.
func fullOf(b *Backup) *Backup {
	chain := b.Chain()
	return chain[len(chain)-1]
}

// independent reports whether s's volume cannot contain any of the objects.
func (s *sibling) independent(objects []source) bool {
	return !slices.ContainsFunc(objects, func(o source) bool { return s.chain[o.backup] })
}

// composed returns the sibling's volume if its digest for the piece p of v is want and covers as
// many bytes. It opens no more than is needed to find out.
func (s *sibling) composed(ctx context.Context, v *Volume, p piece, want format.Digest) *Volume {
	for {
		s.mu.Lock()
		vol, whole, failed := s.volume, s.whole, s.failed
		s.mu.Unlock()
		if failed {
			return nil
		}
		if vol != nil {
			theirs := vol.pieceAt(p.off, max(vol.size, p.off+1))
			if theirs.by != byRow || theirs.covers != p.covers {
				return nil
			}
			if got, err := vol.digest(ctx, theirs); err != nil || got != want {
				return nil
			}
			if whole {
				return vol
			}
		}
		select {
		case s.turn <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		err := s.open(ctx, v, vol)
		<-s.turn
		if err != nil {
			v.catalog.log.Debug("a backup cannot be used for healing", "backup", s.backup.ID, "err", err)
			return nil
		}
	}
}

// errNotForHealing says why a sibling that can be read is skipped.
var errNotForHealing = errors.New("it has no digests of the same block size, or others have been asked")

// open opens the sibling one step further than as, unless another goroutine has just done so. The
// caller holds turn.
func (s *sibling) open(ctx context.Context, v *Volume, as *Volume) error {
	s.mu.Lock()
	done := s.volume != as || s.failed
	s.mu.Unlock()
	if done {
		return nil
	}
	vol := newVolume(v.catalog, s.backup)
	var err error
	if as == nil {
		err = cmp.Or(vol.openDigests(ctx), vol.unread)
		if err == nil && (vol.rows == nil || vol.rows.block != v.rows.block) {
			err = errNotForHealing
		}
	} else if vol.rows = as.rows; v.siblings.oneMore() {
		err = vol.readLayers(ctx)
	} else {
		err = errNotForHealing
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		// After an error that may pass, the next block tries again.
		s.failed = errors.Is(err, errNotForHealing) || errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist)
		if !s.failed && as != nil {
			v.siblings.oneLess()
		}
		return err
	}
	s.volume, s.whole = vol, as != nil
	return nil
}

// oneMore reports whether the objects of another sibling may be read.
func (s *siblings) oneMore() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.healers++
	return s.healers <= maxHealers
}

// oneLess takes back a oneMore that was not used.
func (s *siblings) oneLess() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.healers--
}
