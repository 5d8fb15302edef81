package luks

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// boundWork leaves out the slots, the last in order first, with which trying a passphrase on all of
// them would take more than maxWork. One slot within its bounds always stays.
func (h *Header) boundWork() {
	var sum float64
	for i := range h.Slots {
		if sum += h.work(&h.Slots[i]); sum > maxWork {
			h.Notes = append(h.Notes, fmt.Sprintf("%d key slots are left out: trying all would "+
				"take very long", len(h.Slots)-i))
			h.Slots = h.Slots[:i]
			return
		}
	}
}

// work is what trying a passphrase on a slot takes, in shares of the bounds of one slot.
func (h *Header) work(s *Slot) float64 {
	proof := float64(h.digests[s.digest].iterations) / maxIterations
	if s.KDF == "pbkdf2" {
		return proof + float64(s.Iterations)/maxIterations
	}
	return proof + float64(s.Iterations)*float64(s.Memory>>20)/maxArgonMiB
}

// sumOf is the hash of a header's bytes.
func sumOf(parts ...[]byte) [sha256.Size]byte {
	hash := sha256.New()
	for _, p := range parts {
		hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		hash.Write(p)
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// ID is the same for headers with the same bytes, of volumes of one size, that were read with the
// same notes: a key of one is that of the other.
func (h *Header) ID() [sha256.Size]byte {
	parts := [][]byte{h.sum[:], binary.BigEndian.AppendUint64(nil, uint64(h.Size))}
	for _, note := range h.Notes {
		parts = append(parts, []byte(note))
	}
	return sumOf(parts...)
}
