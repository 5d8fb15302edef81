package restore

import (
	"slices"
	"testing"

	"github.com/restorefs/restorefs/fusefs/inside/luks"
	"github.com/restorefs/restorefs/materialize"
)

// unlockedDisk is a plain disk that is only measured.
type unlockedDisk struct {
	luks.Disk
	size int64
}

func (d unlockedDisk) Size() int64 { return d.size }
func (d unlockedDisk) Header() *luks.Header {
	return &luks.Header{Start: 10000, SectorBytes: 4096}
}

func TestWhatWasHealedIsToldOfThePlainDisk(t *testing.T) {
	d := &decrypted{disk: unlockedDisk{size: 100 * 4096}, linear: true}
	for name, c := range map[string]struct{ below, above []materialize.Range }{
		"the header is not on it":       {below: []materialize.Range{{Off: 0, Len: 10000}}},
		"nor is what lies behind":       {below: []materialize.Range{{Off: 10000 + 100*4096, Len: 9}}},
		"from the header into the data": {[]materialize.Range{{Off: 8000, Len: 2001}}, []materialize.Range{{Off: 0, Len: 4096}}},
		"to the end of the data": {[]materialize.Range{{Off: 10000 + 99*4096, Len: 1 << 20}},
			[]materialize.Range{{Off: 99 * 4096, Len: 4096}}},
		"whole sectors": {[]materialize.Range{{Off: 10000 + 4096*2 + 1, Len: 4096}},
			[]materialize.Range{{Off: 2 * 4096, Len: 2 * 4096}}},
		"a sector of two ranges counts once": {
			[]materialize.Range{{Off: 10000, Len: 100}, {Off: 10200, Len: 4096}, {Off: 50000, Len: 1}},
			[]materialize.Range{{Off: 0, Len: 2 * 4096}, {Off: 9 * 4096, Len: 4096}}},
	} {
		if got := d.above(c.below); !slices.Equal(got, c.above) {
			t.Errorf("%s: %v, want %v", name, got, c.above)
		}
	}
}

// volumeOf is an encrypted volume that is only measured.
type volumeOf struct {
	materialize.Source
	size int64
}

func (v volumeOf) Size() int64 { return v.size }

func TestOfADiskWithinAnImageNoPlaceIsToldThatIsNotKnown(t *testing.T) {
	d := &decrypted{volumeOf{size: 5000}, unlockedDisk{size: 4096}, false}
	if got := d.above(nil); len(got) > 0 {
		t.Errorf("nothing was healed, and %v is told", got)
	}
	all := []materialize.Range{{Off: 0, Len: 4096}}
	if got := d.above([]materialize.Range{{Off: 4500, Len: 10}, {Off: 4900, Len: 10}}); !slices.Equal(
		got, all) {
		t.Errorf("%v was healed, want %v", got, all)
	}
	below := func(ranges ...materialize.Range) (got []materialize.Range) {
		for r, err := range d.below(func(yield func(materialize.Range, error) bool) {
			for _, r := range ranges {
				if !yield(r, nil) {
					return
				}
			}
		}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r)
		}
		return got
	}
	if got := below(); len(got) > 0 {
		t.Errorf("nothing is written, and %v is read", got)
	}
	want := []materialize.Range{{Off: 0, Len: 5000}}
	if got := below(all[0], all[0]); !slices.Equal(got, want) {
		t.Errorf("%v is read, want %v", got, want)
	}
}
