package serve

import (
	"context"
	"errors"
	"time"

	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/fusefs"
	"github.com/restorefs/restorefs/fusefs/overlay"
)

// overlaidVolume is one open file of a mount with an overlay. It reads the volume below, overlaid
// by what was written.
type overlaidVolume struct {
	*Disk
	*overlay.Overlay
	release func() error
}

var _ fusefs.WritableDisk = (*overlaidVolume)(nil)

// Size implements fusefs.Disk.
func (v *overlaidVolume) Size() int64 { return v.Overlay.Size() }

// NextData implements fusefs.Disk.
func (v *overlaidVolume) NextData(ctx context.Context, off, end int64) (start, stop int64,
	err error) {
	return v.Overlay.NextData(ctx, off, end)
}

// Read implements fusefs.Disk. A range without written bytes is read from the volume below,
// without copying. Any other range is copied part by part, because a reader that holds a part of
// the cache must not ask it for another one: see package cache.
func (v *overlaidVolume) Read(ctx context.Context, off int64, n int) (fusefs.Data, error) {
	start := time.Now()
	stop, written, err := v.Next(ctx, off, off+int64(n))
	if err == nil && !written && stop == off+int64(n) {
		return v.Disk.Read(ctx, off, n)
	}
	if err != nil {
		v.meter.failed(ctx, err)
		return nil, err
	}
	if v.indexer != nil {
		defer v.indexer.read()()
	}
	p, origin := make(plain, n), cache.Zeros
	err = v.Merge(ctx, p, off, func(p []byte, off int64) error {
		view, err := v.reader.Read(ctx, off, len(p))
		if err != nil {
			return err
		}
		for at, slices := 0, view.Slices(); len(slices) > 0; slices = slices[1:] {
			at += copy(p[at:], slices[0])
		}
		origin = max(origin, view.Origin())
		view.Release()
		return nil
	})
	if err != nil {
		v.meter.failed(ctx, err)
		return nil, err
	}
	if origin <= cache.Memory {
		origin = fromOverlay
	}
	v.meter.count(start, origin, n)
	return p, nil
}

// Close implements fusefs.Disk.
func (v *overlaidVolume) Close() error { return errors.Join(v.release(), v.Disk.Close()) }

// plain is a buffer that is not shared.
type plain []byte

// Slices implements fusefs.Data.
func (p plain) Slices() [][]byte { return [][]byte{p} }

// Release implements fusefs.Data.
func (p plain) Release() {}
