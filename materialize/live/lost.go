package live

import (
	"context"
	"log/slog"
	"maps"
	"slices"
)

// lose notes a range that the backup cannot give.
func (v *Volume) lose(off, n int64, err error) {
	v.mu.Lock()
	_, known := v.lost[off]
	level := slog.LevelError
	if known || off == v.lostTo { // what lies behind damage in an object is mostly damaged too
		level = slog.LevelDebug
	}
	v.lost[off], v.lostTo = n, off+n
	v.mu.Unlock()
	v.log.Log(context.Background(), level, "a part of the backup is damaged: the guest's reads of "+
		"it fail until it writes it", "offset", off, "err", err)
}

// Lost returns the ranges that the backup cannot give, in order, as far as they were tried.
func (v *Volume) Lost() []Range {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []Range
	for _, off := range slices.Sorted(maps.Keys(v.lost)) {
		if k := len(out) - 1; k >= 0 && out[k].Off+out[k].Len == off {
			out[k].Len += v.lost[off]
		} else {
			out = append(out, Range{Off: off, Len: v.lost[off]})
		}
	}
	return out
}

// Release prepares for a guest that writes past the Volume from now on, where something is lost:
// all the rest is the guest's from then on, and what is lost is zero on the device.
func (v *Volume) Release(ctx context.Context) error {
	if err := v.stillLost(ctx); err != nil {
		return err
	}
	lost := v.Lost()
	if len(lost) == 0 {
		return nil
	}
	at := int64(0)
	for _, r := range append(lost, Range{Off: v.Size()}) {
		err := v.eachPage(ctx, at, r.Off, func(pg *page, from, to int64) error {
			v.set(pg, from/blockBytes, blockEnd(to)/blockBytes, validBit|guestBit)
			return nil
		})
		if err != nil {
			return err
		}
		if r.Len > 0 {
			if err := v.dev.Zero(r.Off, r.Len); err != nil {
				return err
			}
		}
		at = r.Off + r.Len
	}
	return nil
}

// stillLost forgets of what is lost what the guest has written.
func (v *Volume) stillLost(ctx context.Context) error {
	left := map[int64]int64{}
	for _, r := range v.Lost() {
		err := v.runs(ctx, r.Off, r.Off+r.Len, validBit, func(off, end int64, valid bool) error {
			if !valid {
				left[off] = end - off
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lost = left
	return nil
}

// findLost finds what is lost in a map in which all else is valid (Release).
func (v *Volume) findLost(ctx context.Context) error {
	lost := map[int64]int64{}
	err := v.runs(ctx, 0, v.Size(), validBit, func(off, end int64, valid bool) error {
		if !valid {
			lost[off] = end - off
		}
		return nil
	})
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lost = lost
	return err
}
