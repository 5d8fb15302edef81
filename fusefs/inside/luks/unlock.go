package luks

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"golang.org/x/crypto/argon2"
)

// Options of [Header.Unlock].
type Options struct {
	// MemoryBytes is the most that Argon2 may take; 0: 64 MiB. A key slot that needs more is not
	// tried.
	MemoryBytes int64
}

const defaultMemory = 64 << 20

// Unlock finds the key of a volume with the first of the passphrases that opens a key slot. r is
// what the header was read from. The error is [ErrKey] (errors.Is) if none does, a [MemoryError] if
// slots were left out for that, one of r or of ctx. The passphrases stay the caller's, who closes
// the key. Argon2 cannot be interrupted: ctx is looked at before it begins.
func (h *Header) Unlock(ctx context.Context, r io.ReaderAt, passphrases []*Secret,
	o Options) (*Key, error) {
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = defaultMemory
	}
	var lacking error
	tried := false
	for i := range h.Slots {
		s := &h.Slots[i]
		if s.KDF != "pbkdf2" && s.Memory > o.MemoryBytes {
			lacking = &MemoryError{Slot: s.Number, Need: s.Memory, Have: o.MemoryBytes}
			continue
		}
		tried = true
		area := make([]byte, s.areaBytes())
		if n, err := r.ReadAt(area, s.offset); n < len(area) {
			return nil, fmt.Errorf("read key slot %d: %w", s.Number, orShort(err))
		}
		for _, pass := range passphrases {
			k, err := h.try(ctx, s, area, pass.Bytes())
			if k != nil || err != nil {
				return k, err
			}
		}
	}
	switch {
	case lacking == nil:
		return nil, ErrKey
	case tried:
		return nil, fmt.Errorf("%w, as far as they were tried: %w", ErrKey, lacking)
	}
	return nil, lacking
}

func orShort(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// try returns the key if the passphrase opens a slot, of which area is the encrypted material; nil
// if it does not.
func (h *Header) try(ctx context.Context, s *Slot, area, pass []byte) (*Key, error) {
	derived, err := s.derive(ctx, pass)
	if err != nil {
		return nil, err
	}
	defer clear(derived)
	c, err := newDecrypter(s.cipher, derived)
	if err != nil {
		return nil, err
	}
	defer c.close()
	material := append([]byte(nil), area...)
	defer clear(material)
	c.decrypt(material, sector, 0)
	newHash, err := hashOf(s.afHash)
	if err != nil {
		return nil, err
	}
	key := merge(newHash, material[:s.keyBytes*s.stripes], s.stripes)
	defer clear(key)
	d := &h.digests[s.digest]
	sum, err := derivePBKDF2(ctx, d.hash, key, d.salt, d.iterations, len(d.sum))
	if err != nil || subtle.ConstantTimeCompare(sum, d.sum) == 0 {
		return nil, err
	}
	data, err := newDecrypter(h.Cipher, key)
	if err != nil {
		return nil, err
	}
	return &Key{h: h, c: data, slot: s.Number}, nil
}

// derive makes of a passphrase the key of a slot's material.
func (s *Slot) derive(ctx context.Context, pass []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	kib, passes, threads := uint32(s.Memory>>10), uint32(s.Iterations), uint8(s.Threads)
	switch s.KDF {
	case "argon2id":
		defer debug.FreeOSMemory() // others count on it
		return argon2.IDKey(pass, s.salt, passes, kib, threads, uint32(s.areaKey)), nil
	case "argon2i":
		defer debug.FreeOSMemory()
		return argon2.Key(pass, s.salt, passes, kib, threads, uint32(s.areaKey)), nil
	}
	return derivePBKDF2(ctx, s.Hash, pass, s.salt, s.Iterations, s.areaKey)
}
