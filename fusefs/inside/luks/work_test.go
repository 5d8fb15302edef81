package luks

import "testing"

func TestSlotsAtTheirBoundsTogetherTakeNoMoreThanTwo(t *testing.T) {
	h := &Header{digests: []digest{{iterations: 1}}}
	for i := range maxSlots {
		s := Slot{Number: i, KDF: "pbkdf2", Iterations: maxIterations * 9 / 10}
		if i%2 == 1 {
			s = Slot{Number: i, KDF: "argon2id", Iterations: 240, Memory: 1 << 30}
		}
		h.Slots = append(h.Slots, s)
	}
	h.boundWork()
	if len(h.Slots) != 2 || len(h.Notes) != 1 {
		t.Errorf("%d slots stay; notes %q", len(h.Slots), h.Notes)
	}
}

func TestAllSlotsStayThatProgramsMake(t *testing.T) {
	h := &Header{digests: []digest{{iterations: 1_000_000}}}
	for i := range maxSlots {
		h.Slots = append(h.Slots,
			Slot{Number: i, KDF: "argon2id", Iterations: 10, Memory: 1 << 30})
	}
	if h.boundWork(); len(h.Slots) != maxSlots {
		t.Errorf("%d slots stay", len(h.Slots))
	}
}
