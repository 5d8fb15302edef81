package index

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"time"
)

// Key is the identity of an index. When any field differs from what an index
// was made for, that index is stale.
type Key struct {
	// Object is the path of the object on its share. It names the index file
	// and tells the operator which object is meant.
	Object string
	// Algorithm says which decoder, and which encoding of its State, the index
	// is for. The numbers are the caller's.
	Algorithm uint8
	// StoredBytes is the size of the object as stored.
	StoredBytes int64
	// ModTime is when the object was last modified, to the nanosecond.
	ModTime time.Time
	// MetadataMD5 is the MD5 that the backup's _metadata gives for the object.
	MetadataMD5 [16]byte
	// DecodedBytes is the size of the object once decoded.
	DecodedBytes int64
}

// normal makes equal keys equal under ==: the same instant in one location,
// without a monotonic reading.
func (k Key) normal() Key {
	k.ModTime = time.Unix(k.ModTime.Unix(), int64(k.ModTime.Nanosecond())).UTC()
	return k
}

// holds reports whether a checkpoint can be at these places in the object.
func (k Key) holds(in, out int64) bool {
	return in >= 0 && out >= 0 && out <= k.DecodedBytes && (in+7)>>3 <= k.StoredBytes &&
		in <= maxBits
}

// maxBits keeps sums of bit positions away from overflow.
const maxBits = 1 << 62

const (
	headerMagic   = "rfsindex"
	formatVersion = 1
	headerFixed   = 64 // bytes before the object's name
	crcBytes      = 4
)

// castagnoli is not a global: the table is made once by package crc32 and
// shared.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func crc32c(p []byte) uint32 { return crc32.Checksum(p, castagnoli()) }

// header is the start of every index file for k. Since it holds all of k and
// nothing else, a file is for k if, and only if, it starts with exactly this.
func (k Key) header() []byte {
	h := make([]byte, headerFixed, headerFixed+len(k.Object)+crcBytes)
	copy(h, headerMagic)
	le := binary.LittleEndian
	le.PutUint16(h[8:], formatVersion)
	h[10] = k.Algorithm
	le.PutUint16(h[12:], uint16(len(k.Object)))
	le.PutUint64(h[16:], uint64(k.StoredBytes))
	le.PutUint64(h[24:], uint64(k.DecodedBytes))
	le.PutUint64(h[32:], uint64(k.ModTime.Unix()))
	le.PutUint32(h[40:], uint32(k.ModTime.Nanosecond()))
	copy(h[48:], k.MetadataMD5[:])
	h = append(h, k.Object...)
	return le.AppendUint32(h, crc32c(h))
}

const (
	finalSuffix   = ".idx"
	partialSuffix = ".partial"
)

// name is the path of k's complete index file in a store. Only what does not
// change with the object's contents goes into it, so that the index of an
// object that changed takes the place of the stale one.
func (k Key) name() string {
	sum := sha256.Sum256(append([]byte{k.Algorithm}, k.Object...))
	h := hex.EncodeToString(sum[:16])
	return h[:2] + "/" + h[2:4] + "/" + h[4:] + finalSuffix
}
