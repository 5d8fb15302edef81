package backupstore

import (
	"slices"
	"testing"
)

// A report of a volume whose objects are missing must not need more memory than
// the volume has blocks.
func TestDamageIsJoinedAsItComes(t *testing.T) {
	const block, blocks = 32 << 10, 1 << 18
	l := &layerProof{}
	most := 0
	for i := range int64(blocks) {
		d := Damage{Offset: i * block, Length: block, Object: "a", Reason: "it is missing"}
		if i%(blocks/4) == 5 {
			d.Reason = "another one"
		}
		l.damage(d)
		most = max(most, cap(l.damaged))
	}
	if got := joined(l.damaged); len(got) != 9 || most > 1<<13 {
		t.Errorf("%d ranges, %d entries at most", len(got), most)
	}
}

func TestAParentsDamageIsInheritedInRanges(t *testing.T) {
	const size, block = 1 << 34, defaultBlock
	own := &Volume{layout: layout{size: size, extents: []extent{{off: size / 2, end: size/2 + 4*block}}}}
	f := finisher{
		layerProof: &layerProof{own: own},
		parent:     &layerProof{damaged: []Damage{{Offset: 100, Length: size, Reason: "gone"}}},
	}
	f.judged.add(3*size/4, block)
	f.inherit()
	var got []Range
	for _, d := range f.damaged {
		got = append(got, Range{Off: d.Offset, Len: d.Length})
	}
	want := []Range{{Off: 100, Len: size/2 - 100}, {Off: size/2 + 4*block, Len: size/4 - 4*block}, {Off: 3*size/4 + block, Len: size/4 - block}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
