package luks

import (
	"crypto/aes"

	"golang.org/x/crypto/xts"
)

// newXTS returns AES by XTS: in assembly where the processor can, else by the library.
func newXTS(key []byte, iv vector) (decrypter, error) {
	if hasAES {
		return newFastXTS(key, iv)
	}
	return newLibraryXTS(key, iv)
}

// libraryXTS is that of golang.org/x/crypto. It encrypts no sector's number of more than 64 bits,
// as LUKS has none.
type libraryXTS struct {
	c  *xts.Cipher
	iv vector
}

func newLibraryXTS(key []byte, iv vector) (*libraryXTS, error) {
	c, err := xts.NewCipher(aes.NewCipher, key)
	if err != nil {
		return nil, err
	}
	return &libraryXTS{c, iv}, nil
}

func (x *libraryXTS) close() {}

func (x *libraryXTS) decrypt(p []byte, size int, first uint64) {
	for ; len(p) >= size; p = p[size:] {
		x.c.Decrypt(p[:size], p[:size], x.iv.number(first))
		first += uint64(size / sector)
	}
}
