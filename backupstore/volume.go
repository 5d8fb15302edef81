package backupstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/share"
)

// defaultBlock is the block size for volumes without digests.
const defaultBlock = 32 << 10

// Volume is the composed volume of one backup: every byte comes from the newest layer of its chain
// that has it. It is immutable and safe for concurrent use.
type Volume struct {
	catalog *Catalog
	chain   []*Backup // from the backup itself to the full one
	size    int64
	extents []extent // sorted, not overlapping
	objects []objectRef
	rows    *digestRows // nil: no usable _sha256file
	unread  error       // why it could not be read from the share, if it exists
	proofs  proofs
	zeros   *zeroChecks

	asIs     bool // damage is reported, not healed
	outlined bool // long runs of rows that say zero are believed
	siblings siblings
}

// Open composes the volume of b. It reads each layer's _metadata and both ends of one _sha256file.
// A broken backup can be opened if its chain can be composed; reads of what is missing fail with a
// DamageError.
func (c *Catalog) Open(ctx context.Context, b *Backup) (*Volume, error) {
	v := newVolume(c, b)
	if v.chain == nil && b.notRead() != nil {
		return nil, fmt.Errorf("backup %s cannot be opened, as _metadata of its chain cannot be read: %w", b.ID, advised(b.notRead()))
	}
	if v.chain == nil {
		return nil, fmt.Errorf("backup %s is %s: %s: %w", b.ID, b.State, b.Problems[0], ErrDamaged)
	}
	if err := v.readLayers(ctx); err != nil {
		return nil, err
	}
	if err := v.openDigests(ctx); err != nil {
		return nil, err
	}
	return v, nil
}

// Outline is Open for plans and for looking at what is on a disk. NextData and Differs of the
// Volume that it returns decode nothing, and reads decode only what they need. Digests that call a
// long run of blocks zero are believed, so nothing may be copied by them.
func (c *Catalog) Outline(ctx context.Context, b *Backup) (*Volume, error) {
	v, err := c.Open(ctx, b)
	if err != nil {
		return nil, err
	}
	v.outlined = true
	return v, nil
}

func newVolume(c *Catalog, b *Backup) *Volume {
	return &Volume{catalog: c, chain: b.Chain(), size: b.Size, proofs: newProofs(), zeros: newZeroChecks()}
}

// errLayer says that a layer differs from what the catalogue saw of it.
var errLayer = errors.New("the backup has changed since it was listed")

// readLayers composes the chain.
func (v *Volume) readLayers(ctx context.Context) error {
	layers := make([][]extent, 0, len(v.chain))
	for i := len(v.chain) - 1; i >= 0; i-- {
		layer, err := v.readLayer(ctx, i)
		if err != nil {
			return fmt.Errorf("open backup %s: %w", v.chain[0].ID, err)
		}
		layers = append(layers, layer)
	}
	v.extents = layered(layers)
	return nil
}

// readLayer reads the objects of layer i.
func (v *Volume) readLayer(ctx context.Context, i int) ([]extent, error) {
	b := v.chain[i]
	var layer []extent
	err := v.catalog.layers.each(ctx, v.catalog.share, b, func(o format.Object) error {
		if o.End() > v.size {
			return fmt.Errorf("%w: object %05d ends at byte %d, beyond the volume's end at %d", errLayer, o.Number, o.End(), v.size)
		}
		layer = append(layer, extent{o.Offset, o.End(), len(v.objects)})
		v.objects = append(v.objects, objectRef{o, int32(i)})
		return nil
	})
	if err != nil {
		err = fmt.Errorf("_metadata of %s: %w", b.ID, err)
	}
	// An error of the share, which may pass, is not damage.
	for _, cause := range []error{format.ErrJSON, format.ErrCut, format.ErrVersion, format.ErrCompression, format.ErrTooLarge, fs.ErrNotExist, share.ErrNotRegular, errLayer} {
		if errors.Is(err, cause) {
			return nil, fmt.Errorf("%w: %w", err, ErrDamaged)
		}
	}
	return layer, err
}

// openDigests finds the digest rows. Without them, for whatever reason, objects are proven by their
// MD5: an error is always that of ctx.
func (v *Volume) openDigests(ctx context.Context) error {
	b := v.chain[0]
	if !b.HasDigests {
		return nil
	}
	src := &storedFile{v.catalog.files, b.file("_sha256file"), b.digests}
	d, err := format.OpenDigests(ctx, src)
	if err == nil && (d.BackupID != b.ID || d.VolumeID != b.VolumeID) {
		err = fmt.Errorf("%w: it is of backup %s of volume %s", format.ErrDigests, d.BackupID, d.VolumeID)
	}
	switch {
	case err == nil:
		v.rows = newDigestRows(v.catalog.rows, d, b.end, func(err error) {
			v.catalog.log.Warn("some digests cannot be read; objects of those blocks are checked against their MD5 instead", "backup", b.ID, "err", advised(err))
		})
	case ctx.Err() != nil:
		return fmt.Errorf("open backup %s: %w", b.ID, ctx.Err())
	case errors.Is(err, format.ErrDigests) || errors.Is(err, format.ErrVersion):
		v.catalog.log.Warn("digest file cannot be used; objects are checked against their MD5 instead", "backup", b.ID, "err", err)
	default:
		v.unread = err
		v.catalog.log.Warn("digest file cannot be read; objects are checked against their MD5 instead", "backup", b.ID, "err", advised(err))
	}
	return nil
}

// digestsUnread returns why existing digests could not be read, nil if they could.
func (v *Volume) digestsUnread() error {
	if v.rows != nil {
		return v.rows.whyUnread()
	}
	return v.unread
}

// Backup returns the backup whose volume this is.
func (v *Volume) Backup() *Backup { return v.chain[0] }

// Size returns the volume's size in bytes.
func (v *Volume) Size() int64 { return v.size }

// Align returns the block size in bytes: the unit that is decoded and verified.
func (v *Volume) Align() int {
	if v.rows != nil {
		return int(v.rows.block)
	}
	return defaultBlock
}

// ReadAt fills p with the verified bytes of the volume at off, or fails: with a DamageError if the
// backup does not have them, with the error of ctx, or with that of the share. Reads that start and
// end on multiples of Align (or end with the volume) are decoded straight into p; others cost a
// copy.
func (v *Volume) ReadAt(ctx context.Context, p []byte, off int64) error {
	return v.read(ctx, p, off, stopAtDamage)
}

func (v *Volume) read(ctx context.Context, p []byte, off int64, damaged onDamage) error {
	if off < 0 || off > v.size || int64(len(p)) > v.size-off {
		return fmt.Errorf("read of %d bytes at %d is outside the volume of %d bytes", len(p), off, v.size)
	}
	block := int64(v.Align())
	var edge []byte
	for len(p) > 0 {
		n := int64(len(p))
		skip := off % block
		if whole := off + n; skip == 0 && (n >= block || whole == v.size) {
			if whole != v.size {
				n -= n % block
			}
			if err := v.load(ctx, p[:n], off, damaged); err != nil {
				return err
			}
		} else {
			if edge == nil {
				var free func()
				var err error
				if edge, free, err = v.blockBuffer(ctx, block); err != nil {
					return err
				}
				defer free()
			}
			start := off - skip
			b := edge[:min(block, v.size-start)]
			if err := v.load(ctx, b, start, damaged); err != nil {
				return err
			}
			n = int64(copy(p, b[skip:]))
		}
		p, off = p[n:], off+n
	}
	return nil
}

// Load is ReadAt for aligned ranges, for the cache.
func (v *Volume) Load(ctx context.Context, p []byte, off int64) error { return v.ReadAt(ctx, p, off) }

// load fills p, which starts on a block and ends on one or with the volume.
func (v *Volume) load(ctx context.Context, p []byte, off int64, damaged onDamage) error {
	end := off + int64(len(p))
	for at := off; at < end; {
		start, stop, err := v.NextData(ctx, at, end)
		if err != nil {
			return err
		}
		clear(p[at-off : start-off])
		if start == stop {
			clear(p[at-off:])
			return nil
		}
		if err := v.fill(ctx, p[start-off:stop-off], start, damaged); err != nil {
			return err
		}
		at = stop
	}
	return nil
}

// compose fills p from the objects, unverified.
func (v *Volume) compose(ctx context.Context, p []byte, off int64) error {
	end := off + int64(len(p))
	at := off
	for _, e := range from(v.extents, off) {
		if e.off >= end {
			break
		}
		start, stop := max(e.off, at), min(e.end, end)
		clear(p[at-off : start-off])
		if err := v.readObject(ctx, e.object, p[start-off:stop-off], start-v.objects[e.object].Offset); err != nil {
			return err
		}
		at = stop
	}
	clear(p[at-off:])
	return nil
}

// verify checks one block, of which there may be less at the end of the volume.
func (v *Volume) verify(ctx context.Context, b []byte, off int64) error {
	end := off + int64(len(b))
	for at := off; at < end; {
		p := v.pieceAt(at, end)
		if p.by == byRow {
			want, err := v.digest(ctx, p)
			if err != nil {
				return err
			}
			if want != unreadable {
				if sha256.Sum256(b[at-off:][:min(p.end-at, p.covers)]) != want {
					return v.mismatch(off, int64(len(b)))
				}
				at = p.end
				continue
			}
		}
		if err := v.proveAll(ctx, p); err != nil {
			return err
		}
		at = p.end
	}
	return nil
}

// digest returns the row that proves a piece, or unreadable: then the MD5 of its objects proves it.
func (v *Volume) digest(ctx context.Context, p piece) (format.Digest, error) {
	row, err := v.rows.at(ctx, p.row)
	if err != nil {
		err = fmt.Errorf("backup %s: digest of the block at %d: %w", v.chain[0].ID, p.off, err)
	}
	return row, err
}

// Digest returns the digest of the block at off, a multiple of Align; ok is false if no row of
// _sha256file covers all of it. Blocks with the same digest have the same bytes, in whatever backup
// they are.
func (v *Volume) Digest(ctx context.Context, off int64) (digest [sha256.Size]byte, ok bool, err error) {
	p := v.pieceAt(off, v.size)
	if p.by != byRow || p.covers < v.rows.block {
		return digest, false, nil
	}
	digest, err = v.digest(ctx, p)
	// That of zeros may be wrong, see zerorow.go.
	return digest, err == nil && digest != unreadable && digest != v.rows.zero, err
}

// mismatch returns the error for a wrong digest, with the object at fault.
func (v *Volume) mismatch(off, n int64) error {
	v.catalog.count.unverified.Add(1)
	d := &DamageError{Backup: v.chain[0].ID, Offset: off, Length: n,
		Reason: "the bytes do not have the SHA-256 digest that _sha256file gives"}
	if es := from(v.extents, off); len(es) > 0 && es[0].off < off+n {
		o := v.objects[es[0].object]
		d.Object = v.chain[o.layer].objectFile(o.Number)
	}
	return d
}

// NextData returns the first range [start, stop) within [off, end) that is not known to be zero;
// start == stop == end if there is none. Zeros are known from digests, and from gaps between
// objects. If digests call a long run zero, what precedes start has been compared with the objects,
// once, which may take decoding them that far. More data may follow at stop.
func (v *Volume) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	end = min(end, v.size)
	var run zeroRun
	if start, err = v.skipZeros(ctx, off, end, &run); err == nil {
		stop, err = v.skipData(ctx, start, end, &run)
	}
	if err != nil {
		return 0, 0, err
	}
	return start, stop, nil
}

// known reports whether the volume is known to be zero at off, and for at least how many bytes that
// is the answer.
func (v *Volume) known(ctx context.Context, off int64) (zero bool, n int64, err error) {
	p := v.pieceAt(off, v.size)
	if p.by != byRow {
		return p.by == byAbsence, p.end - off, nil
	}
	zero, err = v.zeroRowed(ctx, p)
	return zero, p.end - off, err
}
