package backupstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// verifyPiece is how many bytes a worker reads and hashes at once; if blocks are larger, it is one
// block.
const verifyPiece = 1 << 20

// VerifyOptions say how Verify works.
type VerifyOptions struct {
	// Jobs is how many objects are read at the same time, if the share is slow; where it is not,
	// one for each processor. 0: never more than that. Each needs a MiB, or a digest block if that
	// is larger, besides its decoder.
	Jobs int
	// Sample, within (0, 1), verifies only that part of each backup's blocks with data, chosen at
	// random. 0: all.
	Sample   float64
	Progress *VerifyProgress // may be nil
}

// VerifyProgress counts what Verify has done. The zero value is ready; Snapshot
// may be called from any goroutine.
type VerifyProgress struct{ done, total atomic.Int64 }

// Snapshot returns how many bytes are done, and of how many: stored ones or, with Sample, those of
// the volumes.
func (p *VerifyProgress) Snapshot() (done, total int64) { return p.done.Load(), p.total.Load() }

// Report is what Verify found out about one backup.
type Report struct {
	Backup *Backup
	OK     bool
	// Bytes is how many bytes of the volume are proven: all that are not damaged or, with Sample,
	// those of the chosen blocks that are right.
	Bytes int64
	// Blocks is the number of digest blocks among them, 0 if there are no digests and objects were
	// compared with their MD5.
	Blocks  int64
	Damaged []Damage // in order
	// Unread is what could not be read of the backup, which may be right nevertheless. With any the
	// backup is not OK.
	Unread []error
	// SampledOf is the number of blocks with data that Sample chose from.
	SampledOf int64
	// Notes are worth knowing, but are not damage.
	Notes []string
}

// Damage is a range of a volume, in bytes, that cannot be had from its own chain. If a backup's
// chain cannot be composed, it is the whole volume, with length 0 if the size is not known.
type Damage struct {
	Offset, Length int64
	Object         string // path on the share, "" if it is not one object's fault
	Reason         string
	// Sibling is the id of a backup that by its digests has the same bytes in other objects, so
	// that reading heals the range. "": none.
	Sibling string

	unread syscall.Errno // why it could not be read, so that it may be right; 0: damaged
	short  error         // the MemoryError if unread is ENOMEM
}

// Verify proves backups: that every byte of their volumes can be had and is the one that was backed
// up. It calls each with every Report, parents first; an error of each ends it. Errors are those of
// ctx and of each, or say that the share cannot be read; damage is no error.
//
// Every object of a backup and of its chain is decoded once, however many backups share it. Its
// blocks must have the digests of the backup that wrote it or, without digests, it must have its
// MD5. What a backup has from its parent is proven by equal digest rows in both; if rows differ, or
// cannot be compared, the composed block is decoded. Nothing is healed. Unless Options.NoIndexBuild
// is set, the indexes of the objects are complete afterwards.
func (c *Catalog) Verify(ctx context.Context, backups []*Backup, o VerifyOptions,
	each func(Report) error) error {
	if o.Jobs <= 0 {
		o.Jobs = runtime.GOMAXPROCS(0)
	}
	if o.Progress == nil {
		o.Progress = new(VerifyProgress)
	}
	v := &verifier{catalog: c, o: o, wanted: map[*Backup]bool{}, done: map[*Backup]*layerProof{},
		md5: map[source]error{}, turns: newTurns(), each: each}
	for _, b := range backups {
		v.wanted[b] = true
	}
	if o.Sample > 0 {
		return v.sample(ctx, backups)
	}
	return v.all(ctx, parentsFirst(backups))
}

// parentsFirst adds the ancestors that the backups need.
func parentsFirst(backups []*Backup) []*Backup {
	var out []*Backup
	seen := map[*Backup]bool{}
	for _, b := range backups {
		chain := b.Chain()
		if chain == nil {
			chain = []*Backup{b}
		}
		for _, l := range slices.Backward(chain) {
			if !seen[l] {
				seen[l] = true
				out = append(out, l)
			}
		}
	}
	return out
}

// verifier is one call of Verify.
type verifier struct {
	catalog *Catalog
	o       VerifyOptions
	wanted  map[*Backup]bool
	each    func(Report) error
	turns   *turns
	done    map[*Backup]*layerProof // belongs to finish
	// md5 is the result of comparing whole objects with their MD5: nil or a DamageError. It belongs
	// to finish.
	md5 map[source]error
}

// layerProof is the proof of what one backup has of its volume.
type layerProof struct {
	backup  *Backup
	own     *Volume        // only its own objects; nil: they cannot be had
	bytes   int64          // of its objects, decoded
	reading sync.WaitGroup // its objects

	mu         sync.Mutex
	damaged    []Damage
	joinedAt   int    // len(damaged) after they were last joined
	needless   int64  // damaged blocks that are zero by their digest
	needlessAt string // the first object with one
	oddEnds    int    // objects that do not end where they should
	oddEnd     string // the first of them
	counted    int64  // of progress
	// Set by finish.
	rows   *digestRows
	notes  []string
	unread []error
}

func (v *verifier) all(ctx context.Context, order []*Backup) error {
	for _, b := range order {
		v.o.Progress.total.Add(b.StoredBytes)
	}
	g, gctx := errgroup.WithContext(ctx)
	readers, reading := errgroup.WithContext(gctx)
	readers.SetLimit(v.o.Jobs)
	layers := make(chan *layerProof, v.o.Jobs)
	g.Go(func() error {
		defer close(layers)
		for _, b := range order {
			l, err := v.open(reading, b)
			if err != nil {
				return err
			}
			v.read(reading, readers, l)
			select {
			case layers <- l:
			case <-reading.Done():
				return reading.Err()
			}
		}
		return nil
	})
	g.Go(func() error {
		for l := range layers {
			l.reading.Wait()
			if err := reading.Err(); err != nil {
				return err
			}
			if err := v.finish(reading, l); err != nil {
				return err
			}
		}
		return nil
	})
	err := g.Wait()
	if cause := readers.Wait(); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return cmp.Or(ctx.Err(), err)
}

// open reads what is known of one layer.
func (v *verifier) open(ctx context.Context, b *Backup) (*layerProof, error) {
	l := &layerProof{backup: b}
	if b.Chain() == nil {
		l.damage(b.unusable())
		return l, nil
	}
	own, err := v.catalog.openChain(ctx, b.Chain()[:1], mode{unhealed: true})
	if err != nil {
		if !finding(ctx, err) {
			return nil, err
		}
		l.damage(Damage{Length: b.Size}.because(err))
		return l, nil
	}
	l.own, l.rows = own, own.rows
	for _, e := range own.extents {
		l.bytes += e.end - e.off
	}
	return l, nil
}

// unusable returns the damage of a backup whose chain cannot be composed: all of it.
func (b *Backup) unusable() Damage {
	d := Damage{Length: b.Size, Reason: fmt.Sprintf("the backup is %s: %s", b.State,
		strings.Join(b.Problems, "; "))}
	if why := b.notRead(); why != nil {
		d = d.because(why)
	}
	return d
}

// finding reports whether err is about what is on the share, and not about reaching it.
func finding(ctx context.Context, err error) bool {
	return ctx.Err() == nil && (errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) ||
		notGiven(err) != 0)
}

// unreadable makes damage of an error of the share about one object.
func (v *verifier) unreadable(ctx context.Context, l *layerProof, ref int, off, end int64,
	err error) error {
	if err == nil || !finding(ctx, err) {
		return err
	}
	l.damage(Damage{Offset: off, Length: end - off,
		Object: l.backup.objectFile(l.own.objects[ref].Number)}.because(err))
	return nil
}

func (l *layerProof) damage(d Damage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.damaged = append(l.damaged, d)
	// Damage is reported block by block, but a missing object should be one entry and not ten
	// thousands.
	if len(l.damaged) >= max(2*l.joinedAt, 1<<10) {
		l.damaged = joined(l.damaged)
		l.joinedAt = len(l.damaged)
	}
}

// spare notes damage to a block that is zero by its digest, for which readers do not need the
// object.
func (l *layerProof) spare(d *DamageError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.needless++; l.needlessAt == "" {
		l.needlessAt = d.Object
	}
}

// describe makes a Damage of a block's error, with a backup that could heal it.
func (v *verifier) describe(ctx context.Context, vol *Volume, d *DamageError) Damage {
	out := Damage{Offset: d.Offset, Length: d.Length, Object: d.Object, Reason: d.Reason}
	if d.Err != nil && !errors.Is(d.Err, fs.ErrNotExist) {
		out.Reason += ": " + d.Err.Error()
	}
	if d.Length > int64(vol.Align()) {
		return out // a whole object without digests
	}
	for h, err := range vol.healers(ctx, d.Offset, d.Length) {
		if err == nil {
			out.Sibling = h.Backup().ID
		}
		break
	}
	return out
}
