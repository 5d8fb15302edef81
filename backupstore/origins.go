package backupstore

import (
	"context"
	"iter"
)

// Origin says where a range of a volume comes from.
type Origin struct {
	Range
	// Layer is the backup of the chain whose object has the range, nil if no object has it.
	Layer *Backup
	// Zero says that the range is zero: no object has it, or its digests say so.
	Zero bool
}

// Origins returns where [off, end) of the volume comes from, in order, in ranges as long as they
// can be. It opens no object: digests that call a block zero are believed, as they are of an
// Outline, so nothing may be copied by it. It takes time and reading for each row of the digests in
// [off, end), and no memory.
func (v *Volume) Origins(ctx context.Context, off, end int64) iter.Seq2[Origin, error] {
	return func(yield func(Origin, error) bool) {
		end = min(end, v.size)
		var last Origin
		for at := off; at < end; {
			o, err := v.originAt(ctx, at, end)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Origin{Range: Range{Off: at, Len: end - at}}, err)
				return
			}
			at = o.Off + o.Len
			if last.Len > 0 && last.Layer == o.Layer && last.Zero == o.Zero {
				last.Len += o.Len
				continue
			}
			if last.Len > 0 && !yield(last, nil) {
				return
			}
			last = o
		}
		if last.Len > 0 {
			yield(last, nil)
		}
	}
}

// originAt returns the origin of the first bytes of [off, end), which must not be empty.
func (v *Volume) originAt(ctx context.Context, off, end int64) (Origin, error) {
	zero, n, err := v.known(ctx, off)
	if err != nil {
		return Origin{}, err
	}
	o := Origin{Range: Range{Off: off, Len: min(n, end-off)}, Zero: zero}
	es := from(v.extents, off)
	switch {
	case len(es) == 0:
	case es[0].off > off:
		o.Len = min(o.Len, es[0].off-off)
	default:
		o.Len = min(o.Len, es[0].end-off)
		o.Layer = v.chain[v.objects[es[0].object].layer]
	}
	// A block whose digest says that it has data may have less of it than the block is long.
	o.Zero = o.Zero || o.Layer == nil
	return o, nil
}
