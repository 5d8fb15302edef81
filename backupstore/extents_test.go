package backupstore

import (
	"math/rand/v2"
	"testing"
)

// A model that keeps for each byte which object it comes from.
func TestLayersAddUpByteByByte(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for round := range 10_000 {
		size := 1 + rng.IntN(60)
		model := make([]int, size) // object + 1, 0: none
		var extents []extent
		objects := 0
		for range rng.IntN(6) {
			var layer []extent
			for at := 0; ; {
				off := at + rng.IntN(1+rng.IntN(15))
				end := off + 1 + rng.IntN(1+rng.IntN(20))
				if end > size {
					break
				}
				layer = append(layer, extent{int64(off), int64(end), objects})
				objects++
				for i := off; i < end; i++ {
					model[i] = objects
				}
				at = end
			}
			extents = addLayer(extents, layer)
		}
		got := make([]int, size)
		var last int64
		for _, e := range extents {
			if e.off < last || e.end <= e.off {
				t.Fatalf("round %d: %v is not in order", round, extents)
			}
			for last = e.off; last < e.end; last++ {
				got[last] = e.object + 1
			}
		}
		for i := range model {
			if got[i] != model[i] {
				t.Fatalf("round %d: byte %d comes from %d, should from %d: %v", round, i, got[i]-1, model[i]-1, extents)
			}
		}
		for range 5 {
			off := rng.IntN(size + 1)
			for _, e := range from(extents, int64(off)) {
				if e.end <= int64(off) {
					t.Fatalf("round %d: %v ends before %d", round, e, off)
				}
				break
			}
			if n := len(extents) - len(from(extents, int64(off))); n > 0 && extents[n-1].end > int64(off) {
				t.Fatalf("round %d: %v was left out for %d", round, extents[n-1], off)
			}
		}
	}
}
