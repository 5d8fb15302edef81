package report

import (
	"fmt"
	"strings"

	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs/inside/luks"
)

// Encryption says how a volume is encrypted, in JSON; its fields are a contract. It is known
// without the key.
type Encryption struct {
	Version     int       `json:"luks_version"`
	Cipher      string    `json:"cipher"`
	KeyBits     int       `json:"key_bits"`
	SectorBytes int       `json:"sector_bytes"`
	Start       int64     `json:"start"`      // of the encrypted data, in bytes
	PlainSize   int64     `json:"plain_size"` // in bytes
	UUID        string    `json:"uuid"`
	Slots       []KeySlot `json:"key_slots"`
	Notes       []string  `json:"notes,omitempty"`
	Problem     string    `json:"problem,omitempty"` // why it is not read here
}

// KeySlot is a place of the key that is in use; its fields are a contract.
type KeySlot struct {
	Number     int    `json:"number"`
	KDF        string `json:"kdf"`
	Hash       string `json:"hash,omitempty"`
	Iterations int64  `json:"iterations"`
	Memory     int64  `json:"memory_bytes,omitempty"`
}

// NewEncryption describes a header, of which there may be less or nothing if err is why.
func NewEncryption(h *luks.Header, err error) *Encryption {
	e := &Encryption{Slots: []KeySlot{}}
	if err != nil {
		e.Problem = err.Error()
	}
	if h == nil {
		return e
	}
	e.Version, e.Cipher, e.KeyBits = h.Version, h.Cipher, 8*h.KeyBytes
	e.SectorBytes, e.Start, e.PlainSize, e.UUID = h.SectorBytes, h.Start, h.Size, h.UUID
	e.Notes = h.Notes
	for _, s := range h.Slots {
		e.Slots = append(e.Slots, KeySlot{s.Number, s.KDF, s.Hash, s.Iterations, s.Memory})
	}
	return e
}

// lines describes it for people.
func (e *Encryption) lines() []string {
	if e == nil {
		return nil
	}
	var out []string
	if e.Cipher != "" {
		var slots []string
		for _, s := range e.Slots {
			text := fmt.Sprintf("%d (%s", s.Number, s.KDF)
			if s.Hash != "" {
				text += " " + s.Hash
			}
			if s.Memory > 0 {
				text += ", " + wording.Size(s.Memory) + " of memory"
			}
			slots = append(slots, text+")")
		}
		out = append(out, wording.Printable(fmt.Sprintf(
			"encrypted by LUKS%d: %s with %d bits, key slots %s", e.Version, e.Cipher, e.KeyBits,
			strings.Join(slots, ", "))))
	}
	for _, note := range e.Notes {
		out = append(out, wording.Printable(note))
	}
	if e.Problem != "" {
		out = append(out, wording.Printable("it is not read here: "+e.Problem))
	} else {
		out = append(out, "with its key (--luks-key-file) mount, ls, cp and materialize --decrypt "+
			"read the plain disk")
	}
	return out
}
