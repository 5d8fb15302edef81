package backupstore

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"iter"
	"slices"
	"sync"

	"github.com/restorefs/restorefs/backupstore/share"
)

// Copying is a Volume without digests, to be copied once, each run of Runs from front to back: an
// object is decoded once, and compared with its MD5 as its bytes go by. So bytes are returned
// before they are proven. They are proven when Settle returns nil; until then, and for good if a
// read or Settle fails, Unproven says which are not.
//
// It is safe for concurrent use. Bytes that are not read in order are proven first, as in a Volume.
type Copying struct {
	*Volume
	ends map[int]int64 // by object, the volume offset after its last extent

	mu   sync.Mutex
	open map[int]*tally // objects of which unproven bytes were returned
}

// tally is how far an object has been read. It belongs to the goroutine that took it.
type tally struct {
	hash  hash.Hash
	at    int64       // decoded offset, up to which it has been hashed
	stamp share.Stamp // of its file, when reading began
	given ranges      // of the volume, returned
	taken bool        // guarded by Copying.mu, like given
	wrong bool        // the object is damaged; guarded by Copying.mu, too
}

// Copying returns v for one copy, nil if v has digests, which prove each block by itself.
func (v *Volume) Copying() *Copying {
	if v.rows != nil {
		return nil
	}
	c := &Copying{Volume: v, ends: map[int]int64{}, open: map[int]*tally{}}
	for _, e := range v.extents {
		c.ends[e.object] = e.end
	}
	return c
}

// Runs is Volume.Runs, but no run ends inside an object.
func (c *Copying) Runs(ctx context.Context) iter.Seq2[Range, error] {
	return func(yield func(Range, error) bool) {
		r := runs{volume: c.Volume, yield: yield}
		for _, e := range c.extents {
			if err := ctx.Err(); err != nil {
				yield(Range{}, err)
				return
			}
			if !r.cut(e.off) {
				return
			}
			r.until = max(r.until, c.objects[e.object].End())
		}
		if c.size > r.at {
			yield(Range{r.at, c.size - r.at}, nil)
		}
	}
}

// ReadAt is Volume.ReadAt, except that the bytes may not be proven yet.
func (c *Copying) ReadAt(ctx context.Context, p []byte, off int64) error {
	if off < 0 || off > c.size || int64(len(p)) > c.size-off {
		return fmt.Errorf("read of %d bytes at %d is outside the volume of %d bytes", len(p),
			off, c.size)
	}
	at, end := off, off+int64(len(p))
	for _, e := range from(c.extents, off) {
		if e.off >= end {
			break
		}
		start, stop := max(e.off, at), min(e.end, end)
		clear(p[at-off : start-off])
		if err := c.readPart(ctx, e.object, p[start-off:stop-off], start); err != nil {
			return err
		}
		at = stop
	}
	clear(p[at-off:])
	return nil
}

// readPart reads p, at off of the volume, from one object.
func (c *Copying) readPart(ctx context.Context, ref int, p []byte, off int64) error {
	o := &c.objects[ref]
	t := c.take(ref, off-o.Offset)
	if t == nil {
		if err := c.prove(ctx, ref); err != nil {
			return err
		}
		return c.readObject(ctx, ref, p, off-o.Offset)
	}
	err := c.pass(ctx, ref, t, off-o.Offset, p)
	end := off + int64(len(p))
	done := err == nil && end == c.ends[ref]
	if done {
		err = c.conclude(ctx, ref, t)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t.taken, t.wrong = false, err != nil && ctx.Err() == nil
	if done && err == nil {
		delete(c.open, ref)
		return nil
	}
	if err == nil {
		t.given.add(off, int64(len(p)))
	}
	return err
}

// take returns the tally of an object for a read at the decoded offset off. It returns nil if the
// object is proven, or if this is not the next read in order.
func (c *Copying) take(ref int, off int64) *tally {
	if _, proven := c.proofs.of(ref); proven {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.open[ref]
	if t == nil {
		t = &tally{hash: md5.New()}
		c.open[ref] = t
	}
	if t.taken || t.wrong || t.at > off {
		return nil
	}
	t.taken = true
	return t
}

// passed holds buffers for decoded bytes that are not wanted, by pointer.
var passed = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// pass reads p at the decoded offset off of an object, and hashes all bytes up to its end that have
// not been hashed.
func (c *Copying) pass(ctx context.Context, ref int, t *tally, off int64, p []byte) error {
	o := &c.objects[ref]
	fail := func(err error) error {
		return c.objectError(ctx, o, o.Offset+t.at, max(off+int64(len(p))-t.at, 1), err)
	}
	if t.stamp == (share.Stamp{}) {
		st, err := c.catalog.files.stamp(ctx, c.objectPath(ref))
		if err != nil {
			return fail(err)
		}
		t.stamp = st
	}
	live, err := c.catalog.live.getOf(ctx, c.chain[o.layer], o.Object, t.stamp)
	if err != nil {
		return fail(err)
	}
	defer c.catalog.live.release(live)
	if t.at == 0 {
		live.value.Disown() // what an index leads to would be believed
	}
	if t.at < off {
		buf := passed.Get().(*[256 << 10]byte)
		defer passed.Put(buf)
		for t.at < off {
			b := buf[:min(int64(len(buf)), off-t.at)]
			if err := live.value.ReadAt(ctx, b, t.at); err != nil {
				return fail(err)
			}
			t.hash.Write(b)
			t.at += int64(len(b))
		}
	}
	if err := live.value.ReadAt(ctx, p, off); err != nil {
		return fail(err)
	}
	t.hash.Write(p)
	t.at += int64(len(p))
	return nil
}

// conclude reads an object to its end and compares its MD5.
func (c *Copying) conclude(ctx context.Context, ref int, t *tally) error {
	o := &c.objects[ref]
	if err := c.pass(ctx, ref, t, o.Length, nil); err != nil {
		return err
	}
	if [16]byte(t.hash.Sum(nil)) != o.MD5 {
		c.catalog.count.unverified.Add(1)
		err := c.wrongMD5(o)
		if d, ok := errors.AsType[*DamageError](err); ok {
			d.Reason += "; what was copied from it is not right"
		}
		return err
	}
	// The proof holds for later reads if the file is still the same.
	if now, err := c.catalog.files.stamp(ctx, c.objectPath(ref)); err == nil && now == t.stamp {
		c.proofs.mu.Lock()
		c.proofs.done[ref] = now
		c.proofs.mu.Unlock()
	}
	return nil
}

// Settle proves what has been returned and is not proven yet. No read may be under way.
func (c *Copying) Settle(ctx context.Context) error {
	for {
		c.mu.Lock()
		ref, t := -1, (*tally)(nil)
		for ref, t = range c.open {
			break
		}
		c.mu.Unlock()
		if t == nil {
			return nil
		}
		err := c.conclude(ctx, ref, t)
		c.mu.Lock()
		if t.wrong = err != nil; err == nil {
			delete(c.open, ref)
		}
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// Unproven returns the ranges of the volume that were returned and are not proven, in order.
func (c *Copying) Unproven() []Range {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out ranges
	for _, t := range c.open {
		for _, r := range t.given {
			out.add(r.Off, r.Len)
		}
	}
	return slices.Clone(out)
}
