package backupstore

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// oneByOne is layered without its haste, on a copy.
func oneByOne(layers [][]extent) (out []extent) {
	for _, l := range layers {
		out = addLayer(out, slices.Clone(l))
	}
	return out
}

// A long chain of small increments on a full backup of many objects: the work
// is counted in extents that are gone over, not in time.
func TestManyLayersAreNotGoneOverOnceEach(t *testing.T) {
	const objects, increments = 6_000, 1_000
	layers := [][]extent{nil}
	for i := range int64(objects) {
		layers[0] = append(layers[0], extent{i * 100, i*100 + 100, int(i)})
	}
	for i := range int64(increments) {
		at := i * 7919 % objects * 100
		layers = append(layers, []extent{{at + 50, at + 120, objects + int(i)}})
	}
	want := oneByOne(layers)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := layered(layers)
	runtime.ReadMemStats(&after)
	if !slices.Equal(got, want) {
		t.Fatalf("%d extents, want %d", len(got), len(want))
	}
	// addLayer makes a list as long as both of its arguments.
	made := (after.TotalAlloc - before.TotalAlloc) / 24
	if most := uint64(objects+2*increments) * 20; made > most {
		t.Errorf("%d extents were made, %d are enough", made, most)
	}
}

// A model that keeps for each byte which object it comes from.
func TestLayersAddUpByteByByte(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for round := range 10_000 {
		size := 1 + rng.IntN(60)
		model := make([]int, size) // object + 1, 0: none
		var layers [][]extent
		objects := 0
		for range rng.IntN(9) {
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
			layers = append(layers, layer)
		}
		simple := oneByOne(layers)
		extents := layered(layers)
		if !slices.Equal(simple, extents) {
			t.Fatalf("round %d: %v, one by one %v", round, extents, simple)
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
