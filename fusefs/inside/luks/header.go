package luks

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Header is what a volume says of how it is encrypted. It holds no key.
type Header struct {
	Version     int    // 1 or 2
	UUID, Label string // any bytes
	Cipher      string // of the data, as dm-crypt names it: "aes-xts-plain64"
	KeyBytes    int    // of the volume key
	SectorBytes int    // unit of encryption of the data
	Start, Size int64  // of the encrypted data in the volume, in bytes
	Slots       []Slot // that are in use, in the order in which they are tried
	Notes       []string

	image   *image // that it is within; nil: the volume is encrypted as it lies
	tweak   uint64 // added to the numbers of sectors
	digests []digest
	sum     [sha256.Size]byte // of its bytes, with all that unlocking depends on
}

// Linear says whether the plain volume is what lies from Start on, in order. Within an image its
// clusters lie in any order.
func (h *Header) Linear() bool { return h.image == nil }

// Slot is a place of the volume key, encrypted with what becomes of a passphrase.
type Slot struct {
	Number     int
	KDF        string // "pbkdf2", "argon2i" or "argon2id"
	Hash       string // of PBKDF2
	Iterations int64  // of PBKDF2; passes of Argon2
	Memory     int64  // of Argon2, in bytes
	Threads    int    // of Argon2

	salt     []byte
	keyBytes int // of the volume key
	stripes  int
	afHash   string
	offset   int64 // of the key material in the volume
	cipher   string
	areaKey  int // bytes of the key that it is encrypted with
	priority int
	digest   int // the digest of the volume key
}

// digest proves a volume key.
type digest struct {
	hash       string
	iterations int64
	salt, sum  []byte
}

const (
	magic1 = "LUKS\xba\xbe"
	magic2 = "SKUL\xba\xbe" // of the second header of LUKS2
)

// Is says whether the first bytes of a volume, six at least, are those of LUKS.
func Is(head []byte) bool { return bytes.HasPrefix(head, []byte(magic1)) }

// Read reads the header of a volume of size bytes; r must return all bytes asked for or an error.
// The error is [ErrNone] (errors.Is) if there is none, a [BrokenError], an [UnsupportedError] or
// one of r. With an UnsupportedError there is a Header as far as it is understood.
func Read(r io.ReaderAt, size int64) (*Header, error) {
	d := &volume{r, size}
	head, err := d.read(0, min(size, 592))
	if err != nil {
		return nil, err
	}
	if isQcow2(head) {
		return d.readQcow2(head)
	}
	if len(head) < 8 || !Is(head) {
		h, err := d.secondHeader(false)
		if errors.Is(err, errNoCopy) {
			err = ErrNone
		}
		return h, err
	}
	switch v := binary.BigEndian.Uint16(head[6:]); v {
	case 1:
		return parse1(head, size)
	case 2:
		return d.header2()
	default:
		return nil, unsupported("its header is of version %d of LUKS, and 1 and 2 are read here", v)
	}
}

// volume is an encrypted volume while its header is read.
type volume struct {
	r    io.ReaderAt
	size int64
}

// read returns n bytes at off, or an error.
func (d *volume) read(off, n int64) ([]byte, error) {
	if off < 0 || n < 0 || off > d.size-n {
		return nil, broken("bytes %d to %d lie outside of the volume", off, off+n)
	}
	b := make([]byte, n)
	if got, err := d.r.ReadAt(b, off); got < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read the LUKS header: %w", err)
	}
	return b, nil
}

// payload checks where the data lies and how it is encrypted, and completes the header.
func (h *Header) payload(start int64, length int64, size int64) error {
	if start == 0 {
		return unsupported("its LUKS header was kept apart from the data (a detached header): " +
			"such volumes are not read here")
	}
	if start < 0 || start > size {
		return broken("its data begins at byte %d, and the volume has %d", start, size)
	}
	if length < 0 {
		length = size - start
	}
	if length > size-start {
		return broken("its data ends at byte %d, and the volume has %d", start+length, size)
	}
	h.Start, h.Size = start, length/int64(h.SectorBytes)*int64(h.SectorBytes)
	if h.KeyBytes < 1 || h.KeyBytes > maxKeyBytes {
		return broken("its key has %d bytes", h.KeyBytes)
	}
	_, err := parseSpec(h.Cipher, h.KeyBytes)
	return err
}

// text is a field of text that zeros fill.
func text(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}
