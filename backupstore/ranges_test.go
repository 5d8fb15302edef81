package backupstore

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestRangesAreTheSetOfBytesAdded(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		var set [64]bool
		var r ranges
		for range rng.IntN(12) {
			off := rng.IntN(64)
			n := rng.IntN(64 - off + 1)
			r.add(int64(off), int64(n))
			for i := off; i < off+n; i++ {
				set[i] = true
			}
		}
		var want ranges
		for i, in := range set {
			if k := len(want) - 1; in && k >= 0 && want[k].Off+want[k].Len == int64(i) {
				want[k].Len++
			} else if in {
				want = append(want, Range{int64(i), 1})
			}
		}
		if !slices.Equal(r, want) {
			t.Fatalf("%v, want %v", r, want)
		}
		for off := range set {
			all := true
			for end := off; end < len(set); end++ {
				if r.hasAll(int64(off), int64(end)) != all {
					t.Fatalf("[%d, %d) of %v", off, end, r)
				}
				all = all && set[end]
			}
		}
	}
}
