package backupstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
)

// ErrNoDigests says that a range has no usable digest row.
var ErrNoDigests = fmt.Errorf("the backup has no digests for this range: %w", errors.ErrUnsupported)

const (
	// smallObject bytes and less are decoded by any reader: it makes no difference whether a run
	// ends inside such an object.
	smallObject = 4 << 20
	// runBytes is about how long a run is if nothing else decides.
	runBytes = 32 << 20
)

// Range is a part of a volume, in bytes.
type Range = struct{ Off, Len int64 }

// Runs splits the volume, in order, into ranges that are best read front to back by one reader
// each, while different ranges are read in parallel. It splits where no large compressed object
// continues, because a second reader would have to decode the first one's part again, and inside
// objects at places where these can be entered.
func (v *Volume) Runs(ctx context.Context) iter.Seq2[Range, error] {
	return func(yield func(Range, error) bool) {
		r := runs{volume: v, yield: yield}
		for _, e := range v.extents {
			if err := ctx.Err(); err != nil {
				yield(Range{}, err)
				return
			}
			if !r.extent(ctx, e) {
				return
			}
		}
		if v.size > r.at {
			yield(Range{r.at, v.size - r.at}, nil)
		}
	}
}

// runs is the progress of Runs.
type runs struct {
	volume *Volume
	yield  func(Range, error) bool
	at     int64 // start of the current run
	until  int64 // no run ends before this volume offset
}

// cut ends the current run at off, unless it is short.
func (r *runs) cut(off int64) bool {
	off = off / int64(r.volume.Align()) * int64(r.volume.Align())
	if off < r.until || off-r.at < runBytes {
		return true
	}
	at := r.at
	r.at = off
	return r.yield(Range{at, off - at}, nil)
}

func (r *runs) extent(ctx context.Context, e extent) bool {
	if !r.cut(e.off) {
		return false
	}
	o := &r.volume.objects[e.object]
	if o.Length <= smallObject {
		return true
	}
	cuts, enterable := r.volume.splits(ctx, o, e)
	for _, at := range cuts {
		if !r.cut(at) {
			return false
		}
	}
	if !enterable {
		// The object's last extent may come later; one reader reads all up to that.
		r.until = max(r.until, o.End())
	}
	return true
}

// splits returns the volume offsets inside an extent where its object can be
// entered, and whether it can be entered at all.
func (v *Volume) splits(ctx context.Context, o *objectRef, e extent) (at []int64, enterable bool) {
	live, err := v.catalog.live.get(ctx, v.chain[o.layer], o.Object)
	if err != nil {
		return nil, true // reading it later reports the error
	}
	defer v.catalog.live.release(live)
	at = live.value.Splits(e.off-o.Offset, e.end-o.Offset, runBytes)
	for i := range at {
		at[i] += o.Offset
	}
	return at, live.value.Enterable()
}

// Around returns the range around [off, off+n) that costs no more to load than the range itself,
// because the decoder decodes it in any case.
func (v *Volume) Around(off int64, n int) (start, end int64) {
	end = off + int64(n)
	es := from(v.extents, off)
	if len(es) == 0 || es[0].off > off {
		return off, end
	}
	o := &v.objects[es[0].object]
	live := v.catalog.live.peek(v.chain[o.layer].objectFile(o.Number))
	if live == nil {
		return off, end
	}
	defer v.catalog.live.release(live)
	start = max(es[0].off, o.Offset+live.value.Start(off-o.Offset))
	block := int64(v.Align())
	return min(off, (start+block-1)/block*block), end
}

// Differs returns the ranges of p, which lies at off, that differ from the volume by its digests.
// off and len(p) are multiples of Align, except at the end of the volume. If digests call a block
// zero, the object must have been decoded that far, once. It fails with ErrNoDigests if the backup
// has no digests, or one that calls data zero.
func (v *Volume) Differs(ctx context.Context, p []byte, off int64) ([]Range, error) {
	var out []Range
	block := int64(v.Align())
	for at := int64(0); at < int64(len(p)); at += block {
		if two := at + 2*block; two <= int64(len(p)) && v.pairRight(ctx, p[at:two], off+at) {
			at += block
			continue
		}
		b := p[at:min(at+block, int64(len(p)))]
		same, err := v.sameBlock(ctx, b, off+at)
		if err != nil {
			return nil, err
		}
		if same {
			continue
		}
		if k := len(out) - 1; k >= 0 && out[k].Off+out[k].Len == off+at {
			out[k].Len += int64(len(b))
		} else {
			out = append(out, Range{off + at, int64(len(b))})
		}
	}
	return out, nil
}

// sameBlock reports whether b equals the block at off, of which there may be less at the end of the
// volume. It fails with ErrNoDigests if that takes reading an object.
func (v *Volume) sameBlock(ctx context.Context, b []byte, off int64) (bool, error) {
	end := off + int64(len(b))
	same := true
	for p := range v.pieces(off, end) {
		part := b[p.off-off : p.end-off]
		if p.by == byMD5 {
			return false, ErrNoDigests
		}
		if p.by == byAbsence {
			same = same && isZero(part)
			continue
		}
		want, err := v.digest(ctx, p)
		if err != nil {
			return false, err
		}
		if want == unreadable {
			if hasExtent(v.extents, p.off, p.end) {
				return false, ErrNoDigests
			}
			same = same && isZero(part)
			continue
		}
		if want == *v.rows.zeroRow(p.row) {
			if until, err := v.zeroUntil(ctx, p.off, p.end); err != nil {
				return false, err
			} else if until < p.end {
				return false, ErrNoDigests
			}
			same = same && isZero(part)
			continue
		}
		n := min(p.covers, int64(len(part)))
		same = same && sha256.Sum256(part[:n]) == want && isZero(part[n:])
	}
	return same, nil
}

func isZero(p []byte) bool {
	return len(p) == 0 || p[0] == 0 && bytes.Equal(p[1:], p[:len(p)-1])
}
