package claim

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestOverlappingRangesAreClaimedOneAfterTheOther(t *testing.T) {
	var ranges Ranges
	var wg sync.WaitGroup
	shared := make([]int, 64) // each element belongs to whoever has claimed it
	for i := range int64(32) {
		wg.Go(func() {
			for k := range int64(50) {
				off := (i*7 + k*3) % 60
				release, err := ranges.Claim(t.Context(), off, off+4)
				if err != nil {
					t.Error(err)
					return
				}
				for at := off; at < off+4; at++ {
					shared[at]++
				}
				release()
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, n := range shared {
		sum += n
	}
	if sum != 32*50*4 {
		t.Errorf("%d changes, want %d", sum, 32*50*4)
	}
}

func TestWhoWaitsForARangeGivesUpWithItsContext(t *testing.T) {
	var ranges Ranges
	release, err := ranges.Claim(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	other, err := ranges.Claim(t.Context(), 10, 20)
	if err != nil {
		t.Fatal(err)
	}
	other()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := ranges.Claim(ctx, 9, 11); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a range that overlaps: %v", err)
	}
}
