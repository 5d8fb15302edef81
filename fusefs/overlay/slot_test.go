package overlay

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

var testPlace = place{nonce: [16]byte{9}, index: 3}

// page is the two slots of testPlace after so many commits, each of which set
// the bit of its generation.
func pageAfter(commits int) []byte {
	both := make([]byte, pageBytes)
	for g := 1; g <= commits; g++ {
		commit(both, uint64(g), g)
	}
	return both
}

// commit writes the bits 1 to last as a generation.
func commit(both []byte, generation uint64, last int) {
	var words [pageWords]uint64
	for i := 1; i <= last; i++ {
		setRange(&words, i*900, i*900+1) // in sector after sector
	}
	p := testPlace
	p.slot = slotFor(generation)
	encodeSlot(both[p.slot*slotBytes:][:slotBytes], p, newStamp(generation), &words)
}

const enoughBlocks = 100 * pageBlocks

func decodeTest(both []byte) (bits int64, generation uint64, doubt bool, err error) {
	words, generation, doubt, err := decodePage(both, testPlace.nonce, testPlace.index, enoughBlocks)
	if words != nil {
		bits = count(words)
	}
	return bits, generation, doubt, err
}

func TestAPageIsWhatWasPromisedLast(t *testing.T) {
	for commits := range 7 {
		bits, generation, doubt, err := decodeTest(pageAfter(commits))
		if err != nil || doubt || generation != uint64(commits) || bits != int64(commits) {
			t.Errorf("after %d commits: %d bits of generation %d, doubt %v, %v", commits, bits, generation, doubt, err)
		}
	}
}

// Any sectors of a write may have arrived when the power went, also over those
// of an attempt that failed before.
func TestAWriteThatIsCutOffLeavesWhatWasPromised(t *testing.T) {
	for commits := range 5 {
		before := pageAfter(commits)
		next := uint64(commits + 1)
		for seed := range uint64(300) {
			random := rand.New(rand.NewPCG(seed, uint64(commits)))
			both := bytes.Clone(before)
			for attempt := range 1 + random.IntN(3) {
				after := bytes.Clone(both)
				commit(after, next, commits+1+attempt)
				arrived := random.IntN(1<<sectors - 1) // never all
				for k := range sectors {
					if arrived>>k&1 == 1 {
						at := slotFor(next)*slotBytes + k*sectorBytes
						copy(both[at:at+sectorBytes], after[at:])
					}
				}
			}
			bits, generation, _, err := decodeTest(both)
			if err != nil || generation != uint64(commits) || bits != int64(commits) {
				t.Fatalf("%d commits, seed %d: %d bits of generation %d, %v", commits, seed, bits, generation, err)
			}
		}
	}
}

// Damage of what was promised is an error, never an older state of it.
func TestAFlippedBitNeverGivesAnOlderPage(t *testing.T) {
	for commits := 1; commits < 5; commits++ {
		good := pageAfter(commits)
		errs := 0
		for bit := range pageBytes * 8 {
			both := bytes.Clone(good)
			both[bit/8] ^= 1 << (bit % 8)
			bits, generation, doubt, err := decodeTest(both)
			switch {
			case errors.Is(err, ErrDamaged):
				errs++
			case err != nil || bits != int64(commits) || generation != uint64(commits) || !doubt:
				t.Fatalf("after %d commits, bit %d: %d bits of generation %d, doubt %v, %v", commits, bit, bits, generation, doubt, err)
			}
		}
		if errs < slotBytes*8 {
			t.Errorf("after %d commits: only %d flips were errors", commits, errs)
		}
	}
}

func TestAPageThatNoWriteLeavesIsDamaged(t *testing.T) {
	slotOf := func(both []byte, i int) []byte { return both[i*slotBytes:][:slotBytes] }
	for what, change := range map[string]func(both []byte){
		"the newer slot wiped": func(b []byte) { clear(slotOf(b, 0)) },
		"the older slot wiped": func(b []byte) { clear(slotOf(b, 1)) },
		"the slots exchanged":  func(b []byte) { c := bytes.Clone(b); copy(b, c[slotBytes:]); copy(b[slotBytes:], c) },
		"the newer slot from two commits before": func(b []byte) {
			copy(slotOf(b, 0), slotOf(pageAfter(3), 0))
			copy(slotOf(b, 1), slotOf(pageAfter(6), 1))
		},
		"a commit between lost": func(b []byte) { commit(b, 8, 8) },
		"all sectors of the newer slot damaged": func(b []byte) {
			for k := range sectors {
				b[k*sectorBytes+100] ^= 1
			}
		},
		"a bit behind the end of the volume": func(b []byte) {
			var words [pageWords]uint64
			setRange(&words, pageBlocks-1, pageBlocks)
			encodeSlot(slotOf(b, 1), place{testPlace.nonce, testPlace.index, 1}, newStamp(6), &words)
		},
	} {
		both := pageAfter(5)
		change(both)
		if _, g, _, err := decodePage(both, testPlace.nonce, testPlace.index, testPlace.index*pageBlocks+pageBlocks-1); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: generation %d, %v", what, g, err)
		}
	}
	if _, _, _, err := decodePage(pageAfter(5), [16]byte{1}, testPlace.index, enoughBlocks); !errors.Is(err, ErrDamaged) {
		t.Errorf("a page of another map: %v", err)
	}
}
