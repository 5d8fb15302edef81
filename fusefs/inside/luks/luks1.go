package luks

import "encoding/binary"

// Offsets and values of the header of LUKS1, section "PHDR" of its specification.
const (
	header1Bytes = 592
	slots1       = 8
	slotActive   = 0x00AC71F3
	slotDisabled = 0x0000DEAD
)

// parse1 reads a header of LUKS1.
func parse1(b []byte, size int64) (*Header, error) {
	if len(b) < header1Bytes {
		return nil, broken("the volume ends in it")
	}
	number := func(at int) int64 { return int64(binary.BigEndian.Uint32(b[at:])) }
	h := &Header{
		Version: 1, SectorBytes: sector, UUID: text(b[168:208]),
		Cipher:   text(b[8:40]) + "-" + text(b[40:72]),
		KeyBytes: int(number(108)),
		digests: []digest{{hash: text(b[72:104]), sum: b[112:132], salt: b[132:164],
			iterations: number(164)}},
	}
	h.sum = sumOf(b[:header1Bytes])
	hash := text(b[72:104])
	if err := h.payload(number(104)*sector, -1, size); err != nil {
		return h, err
	}
	for i := range slots1 {
		at := 208 + 48*i
		switch number(at) {
		case slotDisabled:
			continue
		case slotActive:
		default:
			h.Notes = append(h.Notes, "a key slot is neither in use nor free: it is left out")
			continue
		}
		s := Slot{Number: i, KDF: "pbkdf2", Hash: hash, Iterations: number(at + 4),
			salt: b[at+8 : at+40], offset: number(at+40) * sector, stripes: int(number(at + 44)),
			afHash: hash, cipher: h.Cipher, keyBytes: h.KeyBytes, areaKey: h.KeyBytes, priority: 1}
		if err := s.check(size); err != nil {
			return h, err
		}
		h.Slots = append(h.Slots, s)
	}
	h.boundWork()
	return h, h.checkDigests()
}

// check refuses a slot that lies outside of the volume or asks for what is not done here.
func (s *Slot) check(size int64) error {
	switch {
	case s.keyBytes < 1 || s.keyBytes > maxKeyBytes || s.areaKey < 1 || s.areaKey > maxKeyBytes:
		return broken("the key in slot %d has %d bytes, encrypted by %d", s.Number, s.keyBytes,
			s.areaKey)
	case s.stripes < 1 || s.stripes > maxStripes:
		return broken("key slot %d has %d stripes", s.Number, s.stripes)
	case s.offset < sector || s.offset > size-s.areaBytes():
		return broken("key slot %d lies at byte %d, and the volume has %d", s.Number,
			s.offset, size)
	case len(s.salt) > maxSaltBytes:
		return broken("the salt of key slot %d has %d bytes", s.Number, len(s.salt))
	}
	if _, err := parseSpec(s.cipher, s.areaKey); err != nil {
		return err
	}
	if _, err := hashOf(s.afHash); err != nil {
		return err
	}
	return s.checkKDF()
}

// checkKDF refuses work without a bound.
func (s *Slot) checkKDF() error {
	if s.Iterations < 1 {
		return broken("key slot %d has %d iterations", s.Number, s.Iterations)
	}
	switch s.KDF {
	case "pbkdf2":
		if s.Iterations > maxIterations {
			return unsupported("key slot %d has %d iterations, and at most %d are made here",
				s.Number, s.Iterations, maxIterations)
		}
		_, err := hashOf(s.Hash)
		return err
	case "argon2i", "argon2id":
		if s.Threads < 1 || s.Threads > 255 || s.Memory < 8<<10 || s.Memory > 4<<40 {
			return broken("key slot %d has %d threads and %d KiB for Argon2", s.Number, s.Threads,
				s.Memory>>10)
		}
		if s.Iterations > maxPasses || s.Iterations*(s.Memory>>20) > maxArgonMiB {
			return unsupported("key slot %d has %d passes over %d MiB, which would take very long",
				s.Number, s.Iterations, s.Memory>>20)
		}
		return nil
	}
	return unsupported("key slot %d is of the kind %.40q, which is not known here", s.Number, s.KDF)
}

// areaBytes is what the key material takes, in whole sectors.
func (s *Slot) areaBytes() int64 {
	return (int64(s.keyBytes)*int64(s.stripes) + sector - 1) / sector * sector
}

// checkDigests refuses digests that cannot prove a key.
func (h *Header) checkDigests() error {
	for _, d := range h.digests {
		if d.iterations < 1 || d.iterations > maxIterations || len(d.salt) > maxSaltBytes ||
			len(d.sum) < 16 || len(d.sum) > maxDigestBytes {
			return broken("the digest of its key has %d bytes, a salt of %d and %d iterations",
				len(d.sum), len(d.salt), d.iterations)
		}
		if _, err := hashOf(d.hash); err != nil {
			return err
		}
	}
	if len(h.Slots) == 0 {
		return unsupported("no key slot is in use: nobody can open it any more, or its key " +
			"is kept elsewhere")
	}
	return nil
}
