package pagefile

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

var testPlace = Place{Nonce: [16]byte{9}, Index: 3}

// page is the two slots of testPlace after so many commits, each of which set
// the bit of its generation.
func pageAfter(commits int) []byte {
	both := make([]byte, PageBytes)
	for g := 1; g <= commits; g++ {
		commit(both, uint64(g), g)
	}
	return both
}

// commit writes the bits 1 to last as a generation.
func commit(both []byte, generation uint64, last int) {
	var words Words
	for i := 1; i <= last; i++ {
		SetRange(&words, i*900, i*900+1) // in sector after sector
	}
	p := testPlace
	p.Slot = SlotFor(generation)
	Encode(both[p.Slot*SlotBytes:][:SlotBytes], p, generation, &words)
}

const enoughBits = 100 * PageBits

func decodeTest(both []byte) (bits int64, generation uint64, doubt bool, err error) {
	words, generation, doubt, err := Decode(both, testPlace.Nonce, testPlace.Index, enoughBits)
	if words != nil {
		bits = Count(words)
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
						at := SlotFor(next)*SlotBytes + k*SectorBytes
						copy(both[at:at+SectorBytes], after[at:])
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
		for bit := range PageBytes * 8 {
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
		if errs < SlotBytes*8 {
			t.Errorf("after %d commits: only %d flips were errors", commits, errs)
		}
	}
}

func TestAPageThatNoWriteLeavesIsDamaged(t *testing.T) {
	slotOf := func(both []byte, i int) []byte { return both[i*SlotBytes:][:SlotBytes] }
	for what, change := range map[string]func(both []byte){
		"the newer slot wiped": func(b []byte) { clear(slotOf(b, 0)) },
		"the older slot wiped": func(b []byte) { clear(slotOf(b, 1)) },
		"the slots exchanged":  func(b []byte) { c := bytes.Clone(b); copy(b, c[SlotBytes:]); copy(b[SlotBytes:], c) },
		"the newer slot from two commits before": func(b []byte) {
			copy(slotOf(b, 0), slotOf(pageAfter(3), 0))
			copy(slotOf(b, 1), slotOf(pageAfter(6), 1))
		},
		"a commit between lost": func(b []byte) { commit(b, 8, 8) },
		"all sectors of the newer slot damaged": func(b []byte) {
			for k := range sectors {
				b[k*SectorBytes+100] ^= 1
			}
		},
		"a bit behind the end of the volume": func(b []byte) {
			var words Words
			SetRange(&words, PageBits-1, PageBits)
			Encode(slotOf(b, 1), testPlace, 6, &words)
		},
	} {
		both := pageAfter(5)
		change(both)
		if _, g, _, err := Decode(both, testPlace.Nonce, testPlace.Index, PageBits-1); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: generation %d, %v", what, g, err)
		}
	}
	if _, _, _, err := Decode(pageAfter(5), [16]byte{1}, testPlace.Index, enoughBits); !errors.Is(err, ErrDamaged) {
		t.Errorf("a page of another map: %v", err)
	}
}
