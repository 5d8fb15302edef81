package restore

import (
	"context"
	"math/bits"
	"runtime"
	"sync"
	"time"

	"github.com/restorefs/restorefs/materialize"
)

const (
	probeTime  = 2 * time.Second
	probeBytes = 512 << 20 // in all
	placeBytes = 8 << 20   // the least that is read of one run, if it is that long
	probePiece = 1 << 20
)

// probed is the result of probe: how fast the backup is read and decoded, whatever the target can
// take.
type probed struct {
	Bytes     int64
	PerSecond float64 // bytes of the volume; 0: nothing could be read in time
}

// probe reads data at places all over the volume for some seconds, no more in a second than limit
// bytes if that is positive. It skips what cannot be read.
func probe(ctx context.Context, vol materialize.Source, jobs int, limit int64) (probed, error) {
	var runs []materialize.Range
	for r, err := range vol.Runs(ctx) {
		if err != nil {
			return probed{}, err
		}
		runs = append(runs, r)
	}
	if jobs <= 0 {
		jobs = runtime.GOMAXPROCS(0)
	}
	each := max(placeBytes, probeBytes/int64(max(len(runs), 1)))
	short, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	places := make(chan materialize.Range)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var out probed
	var last time.Time
	start := time.Now()
	for range jobs {
		wg.Go(func() {
			for r := range places {
				readSome(short, vol, r, each, func(n int64) {
					mu.Lock()
					out.Bytes, last = out.Bytes+n, time.Now()
					read := out.Bytes
					mu.Unlock()
					if limit > 0 {
						at := time.Duration(float64(read) / float64(limit) * float64(time.Second))
						pause(short, time.Until(start.Add(at)))
					}
				})
			}
		})
	}
	spread(len(runs), func(i int) bool {
		select {
		case places <- runs[i]:
			return true
		case <-short.Done():
			return false
		}
	})
	close(places)
	wg.Wait()
	if out.Bytes > 0 {
		out.PerSecond = float64(out.Bytes) / last.Sub(start).Seconds()
	}
	return out, ctx.Err()
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// spread calls use with the numbers below n until it returns false. They come in the order of their
// reversed bits, so that the first of them, however many, are spread evenly.
func spread(n int, use func(i int) bool) {
	if n == 0 {
		return
	}
	width := bits.Len(uint(n - 1))
	for i := range 1 << width {
		at := int(bits.Reverse(uint(i)) >> (bits.UintSize - width))
		if at < n && !use(at) {
			return
		}
	}
}

// readSome reads the first data of a run, about most bytes, and calls read with the length of each
// piece.
func readSome(ctx context.Context, vol materialize.Source, r materialize.Range, most int64,
	read func(n int64)) {
	block := int64(vol.Align())
	piece := make([]byte, max(probePiece/block, 1)*block)
	end, left := r.Off+r.Len, most
	for off := r.Off; off < end && left > 0; {
		start, stop, err := vol.NextData(ctx, off, end)
		if err != nil || start == stop {
			return
		}
		start -= start % block
		n := min(stop-start, int64(len(piece)))
		if vol.ReadAt(ctx, piece[:n], start) != nil {
			return
		}
		read(n)
		off, left = start+n, left-n
	}
}
