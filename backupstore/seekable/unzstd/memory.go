package unzstd

import (
	"errors"
	"fmt"
	"math"
)

const (
	// MaxWindow is the largest window, in bytes, that a frame may ask for: the
	// largest of ZSTD_WINDOWLOG_MAX_64 (zstd.h), which is 31, with all eighths on
	// top. A frame in a single segment has its content for a window, and is not
	// bound by that, as in libzstd.
	MaxWindow = 15 << 28
	// maxTracked is the largest window in which checkpoints are looked for: a ref
	// has 28 bits for an offset.
	maxTracked = 128 << 20
	// largeWindow is the most that a window has by a level of zstd, without --long
	// or --ultra. Up to there the refs of checkpoints take little as a rule.
	largeWindow = 8 << 20
	// besides is what a Decoder holds besides its window, about.
	besides = 1 << 20
)

// MemoryError says that a frame needs more memory than Options.MaxBytes. The
// object may well be right.
type MemoryError struct {
	Window int64 // bytes of the object that must be at hand to decode others
	// Options.MaxBytes must be that, at least; math.MaxInt64: with an Observer nothing suffices
	Needs int64
}

// Error implements error.
func (e *MemoryError) Error() string {
	return fmt.Sprintf("zstd: it needs a window of %d MiB, more than there is memory for",
		mebibytes(e.Window))
}

func mebibytes(n int64) int64 { return (n + 1<<20 - 1) >> 20 }

func isMemoryError(err error) bool {
	_, ok := errors.AsType[*MemoryError](err)
	return ok
}

// span is how many bytes of f, a frame of which f.done are decoded before the
// decoded offset out, are going to be decoded in all; -1 when that is unknown.
// One block more may be, to see that the object ends.
func (o *Options) span(f *frame, out int64) int64 {
	n := f.content
	if o.Length > 0 {
		if left := max(o.Length-(out-f.done), 0); n < 0 || n > left {
			n = left
		}
	}
	return n
}

// reach is how far back matches of f can reach.
func (o *Options) reach(f *frame, out int64) int64 {
	if n := o.span(f, out); n >= 0 {
		return min(f.window, n)
	}
	return f.window
}

// spacing is the distance between checkpoints in a frame whose matches reach
// back so far.
func (o *Options) spacing(reach int64) int64 {
	wanted := o.Spacing
	if wanted == 0 {
		wanted = DefaultSpacing
	}
	return max(wanted, minSpacing, reach/8)
}

// keepBytes is what tracker.keep returns.
func keepBytes(spacing int64) int { return int(2*(spacing/4)) + maxBlock }

// admit takes f, which goes on at the decoded offset out, if there is memory for
// it.
func (d *Decoder) admit(f *frame, out int64) error {
	reach, keep := d.opt.reach(f, out), 0
	if d.track != nil {
		keep = keepBytes(d.opt.spacing(reach))
	}
	needs := ringBytes(f.window, keep, d.opt.span(f, out)) + besides
	switch {
	case d.track != nil && reach > maxTracked:
		return &MemoryError{Window: reach, Needs: math.MaxInt64}
	case d.track != nil && reach > largeWindow:
		needs += 8<<20 + reach + reach/2 // refs, and the sparse window
	case d.opt.Ahead:
		needs += aheadBytes
	}
	if d.opt.MaxBytes > 0 && needs > d.opt.MaxBytes || d.opt.MaxBytes == 0 && reach > maxTracked {
		return &MemoryError{Window: reach, Needs: needs}
	}
	return nil
}
