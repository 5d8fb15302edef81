package backupstore

import (
	"context"
	"crypto/sha256"
	"fmt"
)

// Volume is the composed volume of one backup: every byte comes from the newest layer of its chain
// that has it. It is immutable and safe for concurrent use.
type Volume struct {
	catalog *Catalog
	layout  // which object each byte comes from
	digests // what proves it
	mode    mode

	// What reads have found out about the objects so far, for the reads to come.
	proofs   *proofs
	zeros    *zeroChecks
	siblings *siblings
}

// mode is what a Volume is opened for.
type mode struct {
	// unhealed says that damage is reported as it is, and not healed.
	unhealed bool
	// outline says that rows are believed that call a long run of blocks zero.
	outline bool
}

// Open composes the volume of b. It reads each layer's _metadata and both ends of one _sha256file.
// A broken backup can be opened if its chain can be composed; reads of what is missing fail with a
// DamageError.
func (c *Catalog) Open(ctx context.Context, b *Backup) (*Volume, error) {
	return c.open(ctx, b, mode{})
}

// Outline is Open for plans and for looking at what is on a disk. NextData and Differs of the
// Volume that it returns decode nothing, and reads decode only what they need. Digests that call a
// long run of blocks zero are believed, so nothing may be copied by them.
func (c *Catalog) Outline(ctx context.Context, b *Backup) (*Volume, error) {
	return c.open(ctx, b, mode{outline: true})
}

func (c *Catalog) open(ctx context.Context, b *Backup, m mode) (*Volume, error) {
	chain := b.Chain()
	if chain == nil && b.notRead() != nil {
		return nil, fmt.Errorf("backup %s cannot be opened, as _metadata of its chain cannot "+
			"be read: %w", b.ID, advised(b.notRead()))
	}
	if chain == nil {
		return nil, fmt.Errorf("backup %s is %s: %s: %w", b.ID, b.State, b.Problems[0], ErrDamaged)
	}
	return c.openChain(ctx, chain, m)
}

// openChain opens what the layers of a chain, the newest first, have of the volume of the first.
func (c *Catalog) openChain(ctx context.Context, chain []*Backup, m mode) (*Volume, error) {
	l, err := c.layout(ctx, chain)
	if err != nil {
		return nil, err
	}
	d, err := c.digests(ctx, chain[0])
	if err != nil {
		return nil, err
	}
	return newVolume(c, l, d, m), nil
}

// newVolume returns the volume whose bytes l says where to find and d proves.
func newVolume(c *Catalog, l layout, d digests, m mode) *Volume {
	return &Volume{catalog: c, layout: l, digests: d, mode: m, proofs: newProofs(),
		zeros: newZeroChecks(), siblings: new(siblings)}
}

// Backup returns the backup whose volume this is.
func (v *Volume) Backup() *Backup { return v.chain[0] }

// Size returns the volume's size in bytes.
func (v *Volume) Size() int64 { return v.size }

// ReadAt fills p with the verified bytes of the volume at off, or fails: with a DamageError if the
// backup does not have them, with the error of ctx, or with that of the share. Reads that start and
// end on multiples of Align (or end with the volume) are decoded straight into p; others cost a
// copy.
func (v *Volume) ReadAt(ctx context.Context, p []byte, off int64) error {
	return v.read(ctx, p, off, stopAtDamage)
}

func (v *Volume) read(ctx context.Context, p []byte, off int64, damaged onDamage) error {
	if off < 0 || off > v.size || int64(len(p)) > v.size-off {
		return fmt.Errorf("read of %d bytes at %d is outside the volume of %d bytes", len(p),
			off, v.size)
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
func (v *Volume) Load(ctx context.Context, p []byte, off int64) error {
	return v.ReadAt(ctx, p, off)
}

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
		if err := v.readObject(ctx, e.object, p[start-off:stop-off],
			start-v.objects[e.object].Offset); err != nil {
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
