package cache

import (
	"context"
	"fmt"
)

// appendZeros appends n zero bytes, all from the one zero buffer of the cache.
func (c *Cache) appendZeros(slices [][]byte, n int) [][]byte {
	for n > 0 {
		m := min(n, len(c.zero))
		slices = append(slices, c.zero[:m:m])
		n -= m
	}
	return slices
}

// markZeros marks the wants without a span whose spans are known to be zero: they need neither
// memory nor a load.
func (v *Cached) markZeros(ctx context.Context, wants []want) error {
	// [start, stop) is the range of data found last. All between the span it was looked for from
	// and start is zero, so it answers for every span that begins before stop.
	var start, stop int64
	end := v.end(wants[len(wants)-1].index)
	for i := range wants {
		w := &wants[i]
		if w.span != nil {
			continue
		}
		from, to := w.index*int64(v.span), v.end(w.index)
		if from >= stop {
			var err error
			if start, stop, err = v.src.NextData(ctx, from, end); err != nil {
				return fmt.Errorf("look for data of volume %s at %d: %w", v.id.Value().id, from,
					err)
			}
			if start >= stop {
				start, stop = end, end
			}
		}
		if start >= to {
			w.zero = true
			v.c.count.zeros.Add(1)
		}
	}
	return nil
}

// isZero tells whether a span is known to be zero; false if NextData fails.
func (v *Cached) isZero(ctx context.Context, index int64) bool {
	from, to := index*int64(v.span), v.end(index)
	start, stop, err := v.src.NextData(ctx, from, to)
	return err == nil && start >= stop
}

// end returns where span number index ends, at most the end of the volume.
func (v *Cached) end(index int64) int64 {
	return min((index+1)*int64(v.span), v.size)
}
