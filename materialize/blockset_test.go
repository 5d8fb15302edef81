package materialize

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestABlockSetGivesWhatWasAdded(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		const block = 10
		blocks := 1 + rng.Int64N(3*pageBlocks)
		size := blocks*block - rng.Int64N(block)
		set := &blockSet{block: block, pages: map[int64]*[pageBlocks / 64]uint64{}}
		marked := make([]bool, blocks)
		for range rng.IntN(20) {
			first := rng.Int64N(blocks)
			n := 1 + rng.Int64N(min(blocks-first, 1+rng.Int64N(pageBlocks)))
			set.add(first*block, min(n*block, size-first*block))
			for i := range n {
				marked[first+i] = true
			}
		}
		var want []Range
		for i, m := range marked {
			off := int64(i) * block
			switch k := len(want) - 1; {
			case !m:
			case k >= 0 && want[k].Off+want[k].Len == off:
				want[k].Len += min(block, size-off)
			default:
				want = append(want, Range{Off: off, Len: min(block, size-off)})
			}
		}
		if got := slices.Collect(set.ranges(size)); !slices.Equal(got, want) {
			t.Fatalf("%d bytes: %d ranges, want %d", size, len(got), len(want))
		}
	}
}
