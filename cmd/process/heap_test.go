package process

import "testing"

func TestAHeapMayGrowAsFarAsItStaysSmall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		live uint64
		want int
	}{
		{0, 100},               // there was no collection yet
		{4 << 20, 100},         // Go's own, which is 8 MiB
		{15 << 20, 25},         // of 16 MiB with the roots: to 19 MiB
		{17 << 20, heapGrowth}, // the least, and so above
		{smallHeap, heapGrowth},
		{1 << 40, heapGrowth},
	} {
		if got := growth(c.live); got != c.want {
			t.Errorf("of %d bytes alive: %d percent, not %d", c.live, got, c.want)
		}
	}
}
