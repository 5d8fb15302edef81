package backupstore

import (
	"context"
	"errors"
	"sync"
)

// overlapBytes is how much is decoded while the bytes before it are verified. Digests cost more
// than half of what decoding costs, and are computed on another core if one is idle; else at once,
// while the bytes are in the core's cache.
const overlapBytes = 256 << 10

// fillOverlapped fills and verifies the front of p, whole blocks at off, and returns how many bytes
// of it are right. It stops at the first damage, which is left to fill; an error is one that ends
// the read.
func (v *Volume) fillOverlapped(ctx context.Context, p []byte, off int64) (right int, err error) {
	block := v.Align()
	composed := make(chan int, len(p)/block+1) // ends of pieces in p; never blocks
	var checked int
	var checkErr error
	check := func(end int) {
		for checked < end && checkErr == nil {
			if two := checked + 2*block; two <= end &&
				v.pairRight(ctx, p[checked:two], off+int64(checked)) {
				checked = two
				continue
			}
			b := p[checked:min(checked+block, end)]
			if checkErr = v.check(ctx, b, off+int64(checked)); checkErr == nil {
				checked += len(b)
			}
		}
	}
	apart := v.catalog.filling.Add(1) < int32(v.catalog.cores)
	defer v.catalog.filling.Add(-1)
	var checking sync.WaitGroup
	if apart {
		checking.Go(func() {
			for end := range composed {
				check(end)
			}
		})
	}
	for at := 0; at < len(p) && err == nil; {
		// Pieces become shorter towards the end, because only the last one must be waited for.
		n := max(min(overlapBytes, (len(p)-at)/2)/block, 1) * block
		end := min(at+n, len(p))
		if err = v.compose(ctx, p[at:end], off+int64(at)); err == nil {
			if apart {
				composed <- end
			} else if check(end); checkErr != nil {
				break
			}
		}
		at = end
	}
	close(composed)
	checking.Wait()
	for _, e := range []error{err, checkErr} {
		if e != nil && !errors.Is(e, ErrDamaged) {
			return 0, e
		}
	}
	return checked, nil
}
