package disk

import (
	"context"
	"crypto/sha256"
)

// Source is one volume: a source of package cache that also has digests. It is safe for concurrent
// use.
type Source interface {
	// Size, Align, Load, Around and NextData are those of package cache. Align is the size of a
	// block.
	Size() int64
	Align() int
	Load(ctx context.Context, p []byte, off int64) error
	Around(off int64, n int) (from, to int64)
	NextData(ctx context.Context, off, end int64) (start, stop int64, err error)

	// Digest returns the SHA-256 digest of the block at off; ok is false if none is known or it
	// does not cover the whole block. With a ctx that has ended it answers from memory or fails.
	Digest(ctx context.Context, off int64) (digest [sha256.Size]byte, ok bool, err error)
}

// Kept is a Source read through a Cache, and itself a source for package cache. It is safe for
// concurrent use and needs no closing.
type Kept struct {
	Source
	c     *Cache
	block int64
	unit  int64 // bytes of an entry, a multiple of block; 0: nothing is kept
}

// Volume returns the volume that src serves.
func (c *Cache) Volume(src Source) *Kept {
	v := &Kept{Source: src, c: c, block: int64(src.Align())}
	if unit := (unitBytes + v.block - 1) / v.block * v.block; v.block >= 512 && unit <= maxUnit {
		v.unit = unit
	}
	return v
}

// Load implements the source of package cache.
func (v *Kept) Load(ctx context.Context, p []byte, off int64) error {
	_, err := v.LoadKept(ctx, p, off)
	return err
}

// LoadKept is Load, and tells whether all of p was kept here, so that the Source was not needed.
func (v *Kept) LoadKept(ctx context.Context, p []byte, off int64) (kept bool, err error) {
	if v.unit == 0 {
		return false, v.Source.Load(ctx, p, off)
	}
	kept = true
	missing := off // [missing, at) is still to be loaded
	end := off + int64(len(p))
	for at := off; at < end; {
		next := min(at-at%v.unit+v.unit, end)
		have, err := v.get(ctx, p[at-off:next-off], at)
		if err != nil {
			return false, err
		}
		if have {
			if missing < at {
				kept = false
				if err := v.load(ctx, p[missing-off:at-off], missing); err != nil {
					return false, err
				}
			}
			missing = next
		}
		at = next
	}
	if missing < end {
		kept = false
		err = v.load(ctx, p[missing-off:], missing)
	}
	return kept, err
}

// get fills p, a unit or a part of one, if it is zero or kept here.
func (v *Kept) get(ctx context.Context, p []byte, off int64) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	start, stop, err := v.NextData(ctx, off, off+int64(len(p)))
	if err != nil {
		return false, err
	}
	if start >= stop {
		clear(p)
		return true, nil
	}
	k, ok, err := v.key(ctx, off, len(p))
	if !ok || err != nil {
		return false, err
	}
	n := &v.c.count
	if !v.c.read(&k, p) {
		n.misses.Add(1)
		return false, nil
	}
	right, err := v.right(ctx, p, off)
	switch {
	case err != nil:
		return false, err
	case !right && v.c.has(&k): // without the entry: it was overwritten while it was read
		v.c.wrong(&k, "does not have its digest", nil)
	}
	if !right {
		n.misses.Add(1)
		return false, nil
	}
	n.hits.Add(1)
	n.hitBytes.Add(uint64(len(p)))
	return true, nil
}

// key returns the key of the n bytes at off, if they are a whole unit and all its blocks have
// digests.
func (v *Kept) key(ctx context.Context, off int64, n int) (k key, ok bool, err error) {
	if int64(n) != v.unit || off%v.unit != 0 {
		return key{}, false, nil
	}
	if v.unit == v.block {
		return v.Digest(ctx, off)
	}
	digests := make([]byte, 0, v.unit/v.block*sha256.Size)
	for at := off; at < off+v.unit; at += v.block {
		d, ok, err := v.Digest(ctx, at)
		if !ok || err != nil {
			return key{}, false, err
		}
		digests = append(digests, d[:]...)
	}
	return sha256.Sum256(digests), true, nil
}

// right tells whether the blocks of a unit have their digests.
func (v *Kept) right(ctx context.Context, p []byte, off int64) (bool, error) {
	for at := int64(0); at < v.unit; at += v.block {
		want, ok, err := v.Digest(ctx, off+at)
		if err != nil {
			return false, err
		}
		if !ok || sha256.Sum256(p[at:at+v.block]) != want {
			return false, nil
		}
	}
	return true, nil
}

// load fills p from the Source and offers it to the cache.
func (v *Kept) load(ctx context.Context, p []byte, off int64) error {
	if err := v.Source.Load(ctx, p, off); err != nil {
		return err
	}
	end := off + int64(len(p))
	for at := (off + v.unit - 1) / v.unit * v.unit; at+v.unit <= end &&
		!v.c.full.Load(); at += v.unit {
		start, stop, err := v.NextData(ctx, at, at+v.unit)
		if err != nil {
			return nil // the bytes asked for were loaded
		}
		if start >= stop {
			continue
		}
		if k, ok, err := v.key(ctx, at, int(v.unit)); ok && err == nil && !v.c.has(&k) {
			v.c.offer(&k, p[at-off:at-off+v.unit])
		}
	}
	return nil
}

// Around implements the source of package cache. Entries kept here are read in any order at the
// same cost, so nothing around them comes free.
func (v *Kept) Around(off int64, n int) (from, to int64) {
	if v.keeps(off, n) {
		return off, off + int64(n)
	}
	return v.Source.Around(off, n)
}

// keeps tells whether all of a range is zero or kept here.
func (v *Kept) keeps(off int64, n int) bool {
	if v.unit == 0 {
		return false
	}
	end := off + int64(n)
	for at := off - off%v.unit; at < end; at += v.unit {
		start, stop, err := v.NextData(v.c.ended, at, min(at+v.unit, v.Size()))
		if err != nil {
			return false
		}
		if start >= stop {
			continue
		}
		k, ok, err := v.key(v.c.ended, at, int(min(v.unit, v.Size()-at)))
		if !ok || err != nil || !v.c.has(&k) {
			return false
		}
	}
	return true
}
