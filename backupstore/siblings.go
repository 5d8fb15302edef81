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

	mu      sync.Mutex
	digests *digests // nil: not opened yet
	volume  *Volume  // nil: its objects are not known yet
	failed  bool
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
	slices.SortStableFunc(near,
		func(x, y *Backup) int { return cmp.Compare(distance(x), distance(y)) })
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
		d, vol, failed := s.digests, s.volume, s.failed
		s.mu.Unlock()
		if failed || d != nil && !s.equals(ctx, d, p, want) {
			return nil
		}
		if vol != nil {
			return vol
		}
		select {
		case s.turn <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		err := s.open(ctx, v, d)
		<-s.turn
		if err != nil {
			v.catalog.log.Debug("a backup cannot be used for healing", "backup", s.backup.ID,
				"err", err)
			return nil
		}
	}
}

// equals reports whether the digests of the sibling give the piece p of another volume the digest
// want, of as many bytes.
func (s *sibling) equals(ctx context.Context, d *digests, p piece, want format.Digest) bool {
	theirs := pieceAt(nil, d.grid(), p.off, max(s.backup.Size, p.off+1))
	if theirs.by != byRow || theirs.covers != p.covers {
		return false
	}
	got, err := d.digest(ctx, theirs)
	return err == nil && got == want
}

// errNotForHealing says why a sibling that can be read is skipped.
var errNotForHealing = errors.New("it has no digests of the same block size, " +
	"or others have been asked")

// open opens the sibling one step further: its digests if known is nil, otherwise its objects. It
// does nothing if another goroutine has just done so. The caller holds turn.
func (s *sibling) open(ctx context.Context, v *Volume, known *digests) error {
	s.mu.Lock()
	done := s.digests != known || s.volume != nil || s.failed
	s.mu.Unlock()
	if done {
		return nil
	}
	found, vol, err := known, (*Volume)(nil), error(nil)
	if known == nil {
		found, err = s.openDigests(ctx, v)
	} else {
		vol, err = s.openVolume(ctx, v, *known)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		// After an error that may pass, the next block tries again.
		s.failed = errors.Is(err, errNotForHealing) || errors.Is(err, ErrDamaged) ||
			errors.Is(err, fs.ErrNotExist)
		if !s.failed && known != nil {
			v.siblings.oneLess()
		}
		return err
	}
	s.digests, s.volume = found, vol
	return nil
}

// openDigests opens the sibling's digests, if they can be compared with those of v.
func (s *sibling) openDigests(ctx context.Context, v *Volume) (*digests, error) {
	d, err := v.catalog.digests(ctx, s.backup)
	if err = cmp.Or(err, d.unread); err != nil {
		return nil, err
	}
	if d.rows == nil || d.rows.block != v.rows.block {
		return nil, errNotForHealing
	}
	return &d, nil
}

// openVolume opens the sibling's volume, if it is one of those whose objects may be read.
func (s *sibling) openVolume(ctx context.Context, v *Volume, d digests) (*Volume, error) {
	if !v.siblings.oneMore() {
		return nil, errNotForHealing
	}
	l, err := v.catalog.layout(ctx, s.backup.Chain())
	if err != nil {
		return nil, err
	}
	return newVolume(v.catalog, l, d, mode{unhealed: true}), nil
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
