package restore

import (
	"slices"
	"testing"
)

func TestPlacesAreSpread(t *testing.T) {
	for _, n := range []int{0, 1, 2, 5, 64, 100} {
		var got []int
		spread(n, func(i int) bool { got = append(got, i); return true })
		if n == 100 && !slices.Equal(got[:4], []int{0, 64, 32, 96}) {
			t.Errorf("begins with %v", got[:4])
		}
		slices.Sort(got)
		for i, v := range got {
			if len(got) != n || v != i {
				t.Fatalf("%d: %v", n, got)
			}
		}
	}
}
