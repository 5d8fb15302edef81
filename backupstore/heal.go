package backupstore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/restorefs/restorefs/backupstore/format"
)

const (
	// maxSiblings bounds the backups whose digest rows are looked at to heal one
	// volume, maxHealers those of them whose objects are.
	maxSiblings = 32
	maxHealers  = 8
)

// onDamage is told of a block, p at off, that cannot be had. It may put
// something else into p and return nil: then reading goes on.
type onDamage func(p []byte, off int64, d *DamageError) error

func stopAtDamage(_ []byte, _ int64, d *DamageError) error { return d }

// fill fills p, whole blocks at off, from the objects, verified. What is wrong
// with one block does not touch the others.
func (v *Volume) fill(ctx context.Context, p []byte, off int64, damaged onDamage) error {
	if err := v.proveUncovered(ctx, off, int64(len(p))); err != nil {
		return err
	}
	if len(p) >= 2*overlapBytes {
		right, err := v.fillOverlapped(ctx, p, off)
		if err != nil {
			return err
		}
		p, off = p[right:], off+int64(right)
	}
	composed := v.compose(ctx, p, off)
	if composed != nil && !errors.Is(composed, ErrDamaged) {
		return composed
	}
	block := int64(v.Align())
	var lost lostObject
	for len(p) > 0 {
		b := p[:min(block, int64(len(p)))]
		var err error
		if composed != nil {
			err = v.composeBlock(ctx, b, off, &lost)
		}
		if err == nil {
			if err = v.check(ctx, b, off); errors.Is(err, ErrDamaged) {
				err = v.reread(ctx, b, off, err)
			}
		}
		if errors.Is(err, ErrDamaged) {
			err = v.resync(ctx, b, off, err)
		}
		if errors.Is(err, ErrDamaged) {
			err = v.mend(ctx, b, off, err, damaged)
		}
		if err != nil {
			return err
		}
		p, off = p[len(b):], off+int64(len(b))
	}
	return nil
}

// check is verify, but that who reads as is gets zeros without.
func (v *Volume) check(ctx context.Context, b []byte, off int64) error {
	if v.asIs && v.rightlyZero(ctx, b, off) {
		return nil
	}
	return v.verify(ctx, b, off)
}

// rightlyZero reports whether a block is zero, and by its digest has to be: that
// is found out sooner than its digest. Only who reads as is gets such blocks.
func (v *Volume) rightlyZero(ctx context.Context, b []byte, off int64) bool {
	zero, n, err := v.known(ctx, off)
	return err == nil && zero && n >= int64(len(b)) && isZero(b)
}

// lostObject is an object that could not be decoded from start on: a read that
// would have to begin there, or before, fails too.
type lostObject struct {
	ref    int
	start  int64 // decoded offset
	damage *DamageError
}

// composeBlock is compose for one block, without decoding in vain.
func (v *Volume) composeBlock(ctx context.Context, b []byte, off int64, lost *lostObject) error {
	ref, start := -1, int64(0)
	if es := from(v.extents, off); len(es) > 0 && es[0].off < off+int64(len(b)) {
		ref = es[0].object
		start = v.decodingStart(ref, max(off, es[0].off))
		if lost.damage != nil && ref == lost.ref && start <= lost.start {
			return lost.damage
		}
	}
	err := v.compose(ctx, b, off)
	if d, ok := errors.AsType[*DamageError](err); ok {
		*lost = lostObject{ref, start, d}
	}
	return err
}

// decodingStart is where, inside object ref, decoding begins to reach off of the
// volume.
func (v *Volume) decodingStart(ref int, off int64) int64 {
	o := &v.objects[ref]
	live := v.catalog.live.peek(v.chain[o.layer].objectFile(o.Number))
	if live == nil {
		return 0
	}
	defer v.catalog.live.release(live)
	return live.Start(off - o.Offset)
}

// reread gets a block that was decoded, and is not right, in another way.
func (v *Volume) reread(ctx context.Context, b []byte, off int64, damage error) error {
	for _, again := range []func(context.Context, []byte, int64) (bool, error){v.reenter, v.readPlain} {
		tried, err := again(ctx, b, off)
		if !tried {
			continue
		}
		if damage = err; !errors.Is(err, ErrDamaged) {
			break
		}
	}
	return damage
}

// resync lets the objects of a block that cannot be had look for where decoding
// goes on behind the damage, for the blocks to come. A block that lies there
// itself is read again.
func (v *Volume) resync(ctx context.Context, b []byte, off int64, damage error) error {
	behind := false
	for _, e := range from(v.extents, off) {
		if e.off >= off+int64(len(b)) {
			break
		}
		o := &v.objects[e.object]
		live, err := v.catalog.live.get(ctx, v.chain[o.layer], o.Object)
		if err != nil {
			return damage // it is missing, or cannot be reached
		}
		start := max(e.off, off) - o.Offset
		found, err := live.Resync(ctx, start)
		if found {
			entry := live.Entry()
			behind = behind || entry <= start
			v.catalog.log.Info("an object is damaged; decoding goes on behind the damage", "object", v.chain[o.layer].objectFile(o.Number), "offset", o.Offset+entry)
		}
		v.catalog.live.release(live)
		if err != nil {
			return err
		}
	}
	if !behind {
		return damage
	}
	if err := v.compose(ctx, b, off); err != nil {
		return err
	}
	return v.check(ctx, b, off)
}

// mend heals a block or reports it.
func (v *Volume) mend(ctx context.Context, b []byte, off int64, damage error, damaged onDamage) error {
	if !v.asIs {
		healed, err := v.heal(ctx, b, off)
		if healed || err != nil {
			return err
		}
	}
	d, ok := errors.AsType[*DamageError](damage)
	if !ok {
		return damage
	}
	whole := *d
	whole.Offset, whole.Length = off, int64(len(b))
	v.catalog.count.damaged.Add(1)
	return damaged(b, off, &whole)
}

// reenter reads a block that is not right anew where its objects can be entered:
// the damage may lie before a checkpoint.
func (v *Volume) reenter(ctx context.Context, b []byte, off int64) (tried bool, err error) {
	v.eachLive(off, int64(len(b)), func(live *liveObject) { tried = live.Reenter() || tried })
	if !tried {
		return false, nil
	}
	if err = v.compose(ctx, b, off); err == nil {
		err = v.verify(ctx, b, off)
	}
	return true, err
}

// readPlain reads a block that is not right without the indexes of its objects,
// which could be at fault, and settles whether they are.
func (v *Volume) readPlain(ctx context.Context, b []byte, off int64) (tried bool, err error) {
	clear(b)
	end := off + int64(len(b))
	for _, e := range from(v.extents, off) {
		if e.off >= end {
			break
		}
		start, stop := max(e.off, off), min(e.end, end)
		o := &v.objects[e.object]
		live, err := v.catalog.live.get(ctx, v.chain[o.layer], o.Object)
		if err != nil {
			return false, nil // as before
		}
		plain, err := live.ReadPlain(ctx, b[start-off:stop-off], start-o.Offset)
		if !plain {
			err = live.ReadAt(ctx, b[start-off:stop-off], start-o.Offset)
		}
		if err != nil {
			err = v.objectError(ctx, o, start, stop-start, err)
			if plain && errors.Is(err, ErrDamaged) {
				live.Vindicate()
			}
		}
		v.catalog.live.release(live)
		if err != nil {
			return true, err
		}
		tried = tried || plain
	}
	if !tried {
		return false, nil
	}
	err = v.verify(ctx, b, off)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return true, err
	}
	v.eachLive(off, int64(len(b)), func(live *liveObject) {
		if err == nil {
			live.Distrust()
		} else {
			live.Vindicate()
		}
	})
	return true, err
}

// eachLive calls f with the objects of [off, off+n) that are in use.
func (v *Volume) eachLive(off, n int64, f func(*liveObject)) {
	for _, e := range from(v.extents, off) {
		if e.off >= off+n {
			return
		}
		o := &v.objects[e.object]
		if live := v.catalog.live.peek(v.chain[o.layer].objectFile(o.Number)); live != nil {
			f(live)
			v.catalog.live.release(live)
		}
	}
}

// heal takes a block from a sibling: another backup of the volume that has the
// same digest for it, in another object. What it finds is verified by v's own
// digest. Siblings are read as they are, not healed in turn.
func (v *Volume) heal(ctx context.Context, b []byte, off int64) (healed bool, err error) {
	for s, err := range v.healers(ctx, off, int64(len(b))) {
		if err != nil {
			return false, err
		}
		if err := s.compose(ctx, b[:s.covers], off); err != nil {
			if ctx.Err() != nil {
				return false, ctx.Err()
			}
			continue
		}
		if sha256.Sum256(b[:s.covers]) == s.want {
			clear(b[s.covers:])
			v.noteHealed(s.Backup(), off, int64(len(b)))
			return true, nil
		}
	}
	return false, ctx.Err()
}

// healer is a sibling that should have a block.
type healer struct {
	*Volume
	covers int64 // bytes of the block that its digest covers; the rest is zero
	want   format.Digest
}

// healers gives the siblings that should have the block of n bytes at off, the
// most promising first. An error ends it and is ctx's, or the share's about v's
// own digests; siblings that cannot be read are passed over.
func (v *Volume) healers(ctx context.Context, off, n int64) iter.Seq2[healer, error] {
	return func(yield func(healer, error) bool) {
		rowCovers, want, err := v.row(ctx, off)
		if err != nil {
			yield(healer{}, err)
			return
		}
		covered := min(rowCovers, n)
		if covered == 0 || covered < n && v.hasExtent(off+covered, off+n) {
			return // nothing would prove what a sibling gives
		}
		mine := v.sources(off, n)
		// Backups whose chain does not contain the damaged object's are
		// independent of it for certain.
		for _, independent := range []bool{true, false} {
			for _, s := range v.siblings.list(v) {
				if s.independent(mine) != independent {
					continue
				}
				vol := s.composed(ctx, v, off, rowCovers, want)
				if ctx.Err() != nil {
					yield(healer{}, ctx.Err())
					return
				}
				if vol == nil || slices.Equal(vol.sources(off, n), mine) {
					continue
				}
				if !yield(healer{vol, covered, want}, nil) {
					return
				}
			}
		}
	}
}

// source is where bytes of a volume come from.
type source struct {
	backup *Backup
	object uint32
}

// sources lists the objects of [off, off+n).
func (v *Volume) sources(off, n int64) []source {
	var out []source
	for _, e := range from(v.extents, off) {
		if e.off >= off+n {
			break
		}
		o := &v.objects[e.object]
		out = append(out, source{v.chain[o.layer], o.Number})
	}
	return out
}

// siblings is what a volume remembers of other backups of the same volume, and
// what it took from them.
type siblings struct {
	mu      sync.Mutex
	listed  bool
	all     []*sibling
	healers int // siblings whose objects are known
	healed  ranges
	said    map[string]bool // objects whose healing has been logged
}

// sibling is one of them, opened as far as it was needed.
type sibling struct {
	backup *Backup
	chain  map[*Backup]bool
	turn   chan struct{} // held by who opens it

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
	// However many increments there are on the same full backup, that is not to
	// keep others from being asked.
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

// fullOf is the full backup of b's chain.
func fullOf(b *Backup) *Backup {
	chain := b.Chain()
	return chain[len(chain)-1]
}

// independent reports whether none of the objects can be of s's volume.
func (s *sibling) independent(objects []source) bool {
	return !slices.ContainsFunc(objects, func(o source) bool { return s.chain[o.backup] })
}

// composed returns the sibling's volume if its digest of the block at off is
// want, of covers bytes. It is opened no further than it takes to find out.
func (s *sibling) composed(ctx context.Context, v *Volume, off, covers int64, want format.Digest) *Volume {
	for {
		s.mu.Lock()
		vol, whole, failed := s.volume, s.whole, s.failed
		s.mu.Unlock()
		if failed {
			return nil
		}
		if vol != nil {
			theirs, got, err := vol.row(ctx, off)
			if err != nil || theirs != covers || got != want {
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

// errNotForHealing is why a sibling that can be read is passed over.
var errNotForHealing = errors.New("it has no digests of the same block size, or others have been asked")

// open opens the sibling one step further than as, unless somebody just did. It
// is the caller's turn.
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
		err = vol.openDigests(ctx)
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
		// What may pass is tried again for the next block.
		s.failed = errors.Is(err, errNotForHealing) || errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist)
		return err
	}
	s.volume, s.whole = vol, as != nil
	return nil
}

// oneMore reports whether the objects of one more sibling may be read in.
func (s *siblings) oneMore() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.healers++
	return s.healers <= maxHealers
}

func (v *Volume) noteHealed(from *Backup, off, n int64) {
	object := ""
	if src := v.sources(off, n); len(src) > 0 {
		object = src[0].backup.objectFile(src[0].object)
	}
	v.catalog.count.healed.Add(1)
	s := &v.siblings
	s.mu.Lock()
	s.healed.add(off, n)
	first := !s.said[object]
	if first {
		if s.said == nil {
			s.said = map[string]bool{}
		}
		s.said[object] = true
	}
	s.mu.Unlock()
	if first {
		v.catalog.log.Warn("an object is damaged; the same bytes are taken from another backup of the volume and verified",
			"backup", v.chain[0].ID, "object", object, "offset", off, "from", from.ID)
	}
}

// Healed returns the ranges of the volume that were read so far, are damaged in
// its own chain, and were taken from siblings, in order.
func (v *Volume) Healed() []Range {
	v.siblings.mu.Lock()
	defer v.siblings.mu.Unlock()
	return slices.Clone(v.siblings.healed)
}
