package restore

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/restorefs/restorefs/materialize"
)

// endless is a volume of data that is read at once.
type endless struct{ materialize.Source }

func (endless) Align() int { return 4096 }
func (endless) Runs(context.Context) iter.Seq2[materialize.Range, error] {
	return func(yield func(materialize.Range, error) bool) {
		yield(materialize.Range{Len: 1 << 30}, nil)
	}
}
func (endless) NextData(_ context.Context, off, end int64) (int64, int64, error) {
	return off, end, nil
}
func (endless) ReadAt(ctx context.Context, _ []byte, _ int64) error { return ctx.Err() }

func TestAMeasurementKeepsToTheRate(t *testing.T) {
	const limit = 2 << 20
	got, err := probe(t.Context(), endless{}, 2, limit)
	most := int64(limit*probeTime.Seconds()) + 2*probePiece // each of two may have begun one more
	if err != nil || got.Bytes == 0 || got.Bytes > most {
		t.Errorf("%d bytes were read, %v; at most %d may", got.Bytes, err, most)
	}
}

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
