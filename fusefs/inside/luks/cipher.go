package luks

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// decrypter decrypts whole sectors of size bytes in place, of which the first has the number first,
// in units of 512 bytes. It may be used by many goroutines until close.
type decrypter interface {
	decrypt(p []byte, size int, first uint64)
	close()
}

// vector says what a sector's number becomes.
type vector int

const (
	plain64 vector = iota // its 64 bits
	plain32               // its lower 32 bits
	essiv                 // encrypted with the SHA-256 of the key
)

// spec is a cipher as dm-crypt names it.
type spec struct {
	xts bool // else CBC
	iv  vector
}

// parseSpec reads the name of a cipher, and refuses those that are not done here with such a key.
func parseSpec(name string, keyBytes int) (spec, error) {
	parts := strings.SplitN(name, "-", 3)
	if len(parts) < 3 || parts[0] != "aes" {
		return spec{}, unsupported("it is encrypted by %.60q, and AES by XTS or CBC is read here",
			name)
	}
	s := spec{xts: parts[1] == "xts"}
	switch parts[2] {
	case "plain64":
	case "plain":
		s.iv = plain32
	case "essiv:sha256":
		s.iv = essiv
	default:
		return spec{}, unsupported("it is encrypted by %.60q, whose vectors are not known here",
			name)
	}
	size := keyBytes
	switch {
	case s.xts && s.iv != essiv:
		size /= 2
	case parts[1] != "cbc":
		return spec{}, unsupported("it is encrypted by %.60q, and AES by XTS or CBC is read here",
			name)
	}
	if size != 16 && size != 24 && size != 32 || s.xts && keyBytes%2 != 0 {
		return spec{}, broken("a key of %d bytes is none of %.60q", keyBytes, name)
	}
	return s, nil
}

// newDecrypter returns the decrypter of a cipher. The key is copied.
func newDecrypter(name string, key []byte) (decrypter, error) {
	s, err := parseSpec(name, len(key))
	if err != nil {
		return nil, err
	}
	if s.xts {
		return newXTS(key, s.iv)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	c := &cbc{block: block, iv: s.iv}
	if s.iv == essiv {
		salt := sha256.Sum256(key)
		defer clear(salt[:])
		if c.salted, err = aes.NewCipher(salt[:]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// number returns the number of a sector as its vector takes it.
func (v vector) number(n uint64) uint64 {
	if v == plain32 {
		return n & 0xffff_ffff
	}
	return n
}

// cbc is AES by CBC.
type cbc struct {
	block  cipher.Block
	salted cipher.Block // for ESSIV, else nil
	iv     vector
}

func (c *cbc) close() {}

func (c *cbc) decrypt(p []byte, size int, first uint64) {
	for ; len(p) >= size; p = p[size:] {
		var iv [aes.BlockSize]byte
		binary.LittleEndian.PutUint64(iv[:], c.iv.number(first))
		if c.salted != nil {
			c.salted.Encrypt(iv[:], iv[:])
		}
		// From the end, as each needs the one before it.
		for at := size - aes.BlockSize; at >= 0; at -= aes.BlockSize {
			b := p[at : at+aes.BlockSize]
			c.block.Decrypt(b, b)
			before := iv[:]
			if at > 0 {
				before = p[at-aes.BlockSize : at]
			}
			for i := range b {
				b[i] ^= before[i]
			}
		}
		first += uint64(size / sector)
	}
}
