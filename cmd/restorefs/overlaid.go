package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/fusefs"
	"github.com/restorefs/restorefs/fusefs/overlay"
	"github.com/restorefs/restorefs/materialize"
)

// overlaidVolume is one open file of a mount with an overlay. Its reads are
// those of the volume below, past which the overlay's own bytes are put.
type overlaidVolume struct {
	*servedVolume
	*overlay.Overlay
	release func() error
}

var _ fusefs.WritableVolume = (*overlaidVolume)(nil)

// Size implements fusefs.Volume.
func (v *overlaidVolume) Size() int64 { return v.Overlay.Size() }

// NextData implements fusefs.Volume.
func (v *overlaidVolume) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	return v.Overlay.NextData(ctx, off, end)
}

// Read implements fusefs.Volume. Where nothing was written it is that of the
// volume below, without a copy. Else all is copied, part by part, for who holds
// a part of the cache must not ask it for another: see package cache.
func (v *overlaidVolume) Read(ctx context.Context, off int64, n int) (fusefs.Data, error) {
	start := time.Now()
	stop, written, err := v.Next(ctx, off, off+int64(n))
	if err == nil && !written && stop == off+int64(n) {
		return v.servedVolume.Read(ctx, off, n)
	}
	if err != nil {
		v.meter.failed(ctx, overlayError{err})
		return nil, err
	}
	if v.indexer != nil {
		defer v.indexer.read()()
	}
	p := make(plain, n)
	origin, err := v.merge(ctx, p, off)
	if err != nil {
		v.meter.failed(ctx, err)
		return nil, err
	}
	v.meter.count(start, origin, n)
	return p, nil
}

// merge fills p with the bytes at off, and tells where the dearest of them came
// from.
func (v *overlaidVolume) merge(ctx context.Context, p []byte, off int64) (origin cache.Origin, err error) {
	for len(p) > 0 {
		stop, written, err := v.Next(ctx, off, off+int64(len(p)))
		if err != nil {
			return 0, overlayError{err}
		}
		q := p[:stop-off]
		if written {
			if err := v.ReadWritten(q, off); err != nil {
				return 0, overlayError{err}
			}
		} else {
			view, err := v.reader.Read(ctx, off, len(q))
			if err != nil {
				return 0, err
			}
			for at, slices := 0, view.Slices(); len(slices) > 0; slices = slices[1:] {
				at += copy(q[at:], slices[0])
			}
			origin = max(origin, view.Origin())
			view.Release()
		}
		p, off = p[len(q):], stop
	}
	if origin <= cache.Memory {
		origin = fromOverlay
	}
	return origin, nil
}

// overlayError is an error of the overlay and not of what is below.
type overlayError struct{ error }

func (e overlayError) Unwrap() error { return e.error }

// Close implements fusefs.Volume.
func (v *overlaidVolume) Close() error { return errors.Join(v.release(), v.servedVolume.Close()) }

// plain is bytes that nobody else has.
type plain []byte

// Slices implements fusefs.Data.
func (p plain) Slices() [][]byte { return [][]byte{p} }

// Release implements fusefs.Data.
func (p plain) Release() {}

// overlaidBackup is a volume with an overlay, to be copied. The overlay's own
// bytes have no digests: they are compared as they are.
type overlaidBackup struct {
	materialize.Volume
	overlay *overlay.Overlay
}

// withOverlay puts what --overlay names over the volume that is restored.
func (r *restore) withOverlay() error {
	dir := r.c.String("overlay")
	if dir == "" {
		return nil
	}
	if err := overlayDir(r.c, dir); err != nil {
		return err
	}
	o, err := overlay.OpenReadOnly(r.c.Context, dir, overlayKey(r.composed), r.volume, overlay.Options{Logger: newLogger(r.c)})
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("nothing was written onto backup %s in %s: leave --overlay out, or see \"restorefs overlay list %s\"", r.backup.ID, dir, dir)
	}
	if err != nil {
		return err
	}
	r.overlay, r.volume = o, &overlaidBackup{r.volume, o}
	return nil
}

// NextData implements materialize.Volume.
func (v *overlaidBackup) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	return v.overlay.NextData(ctx, off, end)
}

// part is a range of whole blocks of Align, in all of which the overlay has
// something, or in none.
type part struct {
	off, end int64
	touched  bool // the overlay has something
	whole    bool // it has all
}

// parts splits a range, which starts on a multiple of Align or not.
func (v *overlaidBackup) parts(ctx context.Context, off, end int64) (all []part, err error) {
	align := int64(v.Align())
	for at := off; at < end; {
		p := part{at, min(end, (at/align+1)*align), false, true}
		for to := at; to < p.end; {
			stop, written, err := v.overlay.Next(ctx, to, p.end)
			if err != nil {
				return nil, err
			}
			p.touched, p.whole = p.touched || written, p.whole && written
			to = stop
		}
		at = p.end
		if k := len(all) - 1; k >= 0 && all[k].touched == p.touched && all[k].whole == p.whole {
			all[k].end = p.end
		} else {
			all = append(all, p)
		}
	}
	return all, nil
}

// ReadAt implements materialize.Volume. The volume below is read in its own
// blocks, once, and not where the overlay has a whole block.
func (v *overlaidBackup) ReadAt(ctx context.Context, p []byte, off int64) error {
	all, err := v.parts(ctx, off, off+int64(len(p)))
	if err != nil {
		return err
	}
	for _, part := range all {
		q := p[part.off-off : part.end-off]
		if !part.whole {
			if err := v.Volume.ReadAt(ctx, q, part.off); err != nil {
				return err
			}
		}
		for at := part.off; part.touched && at < part.end; {
			stop, written, err := v.overlay.Next(ctx, at, part.end)
			if err == nil && written {
				err = v.overlay.ReadWritten(p[at-off:stop-off], at)
			}
			if err != nil {
				return err
			}
			at = stop
		}
	}
	return nil
}

// Differs implements materialize.Volume.
func (v *overlaidBackup) Differs(ctx context.Context, p []byte, off int64) (out []materialize.Range, err error) {
	all, err := v.parts(ctx, off, off+int64(len(p)))
	if err != nil {
		return nil, err
	}
	for _, part := range all {
		q := p[part.off-off : part.end-off]
		if !part.touched {
			ranges, err := v.Volume.Differs(ctx, q, part.off)
			if err != nil {
				return nil, err
			}
			out = append(out, ranges...)
			continue
		}
		want := make([]byte, v.Align())
		for at := part.off; at < part.end; {
			b := want[:min(int64(len(want)), part.end-at)]
			if err := v.ReadAt(ctx, b, at); err != nil {
				return nil, fmt.Errorf("compare what was written at offset %d: %w", at, err)
			}
			if !bytes.Equal(b, q[at-part.off:][:len(b)]) {
				out = append(out, materialize.Range{Off: at, Len: int64(len(b))})
			}
			at += int64(len(b))
		}
	}
	return out, nil
}
