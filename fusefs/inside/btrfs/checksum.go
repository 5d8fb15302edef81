package btrfs

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash/crc32"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/crypto/blake2b"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is one of the methods by which blocks have a checksum.
type checksum struct {
	size int // bytes
	name string
	of   func(p []byte) []byte
}

// checksumOf returns the method of a number.
func checksumOf(kind uint16) (checksum, error) {
	switch kind {
	case 0:
		return checksum{4, "crc32c", func(p []byte) []byte {
			return le.AppendUint32(nil, crc32.Checksum(p, castagnoli))
		}}, nil
	case 1:
		return checksum{8, "xxhash", func(p []byte) []byte {
			return le.AppendUint64(nil, xxhash.Sum64(p))
		}}, nil
	case 2:
		return checksum{32, "sha256", func(p []byte) []byte {
			sum := sha256.Sum256(p)
			return sum[:]
		}}, nil
	case 3:
		return checksum{32, "blake2b", func(p []byte) []byte {
			sum := blake2b.Sum256(p)
			return sum[:]
		}}, nil
	}
	return checksum{}, fmt.Errorf("%w: its checksums are of the type %d", ErrUnsupported, kind)
}

// right says whether sum begins with the checksum of p.
func (c checksum) right(sum, p []byte) bool { return bytes.Equal(c.of(p), sum[:c.size]) }

// nameHash is what a directory's names are found by.
func nameHash(name string) uint64 { return uint64(^crc32.Update(1, castagnoli, []byte(name))) }
