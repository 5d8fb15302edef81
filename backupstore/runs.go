package backupstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
)

// ErrNoDigests says that a range has no usable digest row.
var ErrNoDigests = fmt.Errorf("the backup has no digests for this range: %w", errors.ErrUnsupported)

const (
	// smallObject bytes and less are decoded by whoever comes along: such
	// objects are no reason to cut a run or not to.
	smallObject = 4 << 20
	// runBytes is about how long a run is where nothing else decides.
	runBytes = 32 << 20
)

// Range is a part of a volume, in bytes.
type Range = struct{ Off, Len int64 }

// Runs splits the volume, in order, into ranges that are best read front to
// back by one reader each, while different runs are read in parallel. It cuts
// where no large compressed object goes on: a second reader would have to
// decode the first one's part of it again.
func (v *Volume) Runs(ctx context.Context) iter.Seq2[Range, error] {
	return func(yield func(Range, error) bool) {
		var at, until int64 // the run so far; no cut before until
		for _, e := range v.extents {
			if err := ctx.Err(); err != nil {
				yield(Range{}, err)
				return
			}
			if e.off >= until && e.off-at >= runBytes {
				if !yield(Range{at, e.off - at}, nil) {
					return
				}
				at = e.off
			}
			o := &v.objects[e.object]
			if o.Length > smallObject && algorithm(o.Compression).Streams() {
				// The object's last extent may come later; what lies between is
				// read by the same reader.
				until = max(until, o.End())
			}
		}
		if v.size > at {
			yield(Range{at, v.size - at}, nil)
		}
	}
}

// Around returns the range around [off, off+n) that costs nothing more to load
// than the range itself, because the decoder passes over it anyway.
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
	start = max(es[0].off, o.Offset+live.Start(off-o.Offset))
	block := int64(v.Align())
	return min(off, (start+block-1)/block*block), end
}

// Differs returns the ranges of p, which lies at off, that are not what the
// volume holds there, by the digests alone: nothing is decoded. off and len(p)
// are multiples of Align, the volume's end excepted. Where the backup has no
// digests it fails with ErrNoDigests.
func (v *Volume) Differs(ctx context.Context, p []byte, off int64) ([]Range, error) {
	var out []Range
	block := int64(v.Align())
	for at := int64(0); at < int64(len(p)); at += block {
		b := p[at:min(at+block, int64(len(p)))]
		covered, want, err := v.row(ctx, off+at)
		if err != nil {
			return nil, err
		}
		same := false
		switch {
		case covered > 0:
			n := min(int64(len(b)), covered)
			same = sha256.Sum256(b[:n]) == want && isZero(b[n:])
			if n < int64(len(b)) && v.hasExtent(off+at+n, off+at+int64(len(b))) {
				return nil, ErrNoDigests
			}
		case v.hasExtent(off+at, off+at+int64(len(b))):
			return nil, ErrNoDigests
		default:
			same = isZero(b)
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

// hasExtent reports whether any object has a byte of [off, end).
func (v *Volume) hasExtent(off, end int64) bool {
	es := from(v.extents, off)
	return len(es) > 0 && es[0].off < end
}

func isZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
