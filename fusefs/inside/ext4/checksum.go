package ext4

import (
	"encoding/binary"
	"hash/crc32"
)

var le = binary.LittleEndian
var be = binary.BigEndian

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// crc32c continues a CRC-32C as the kernel's function of that name does, which
// inverts neither at the beginning nor at the end.
func crc32c(crc uint32, p []byte) uint32 { return ^crc32.Update(^crc, castagnoli, p) }

// crc32cNumber continues a CRC-32C with a little-endian number of 32 bits.
func crc32cNumber(crc, n uint32) uint32 {
	var b [4]byte
	le.PutUint32(b[:], n)
	return crc32c(crc, b[:])
}

// zeros stands in for checksum fields, which are counted as zeros.
var zeros [4]byte

// crc32be continues the CRC-32 of the first kind of journal checksums, which
// takes the highest bit first (crc32_be of the kernel).
func crc32be(crc uint32, p []byte) uint32 {
	for _, b := range p {
		crc = crc<<8 ^ crc32beTable[byte(crc>>24)^b]
	}
	return crc
}

var crc32beTable = func() (t [256]uint32) {
	for i := range t {
		c := uint32(i) << 24
		for range 8 {
			if c&(1<<31) != 0 {
				c = c<<1 ^ 0x04c11db7
			} else {
				c <<= 1
			}
		}
		t[i] = c
	}
	return t
}()

// crc16 continues the CRC-16 of group descriptors without metadata_csum.
func crc16(crc uint16, p []byte) uint16 {
	for _, b := range p {
		crc = crc>>8 ^ crc16Table[byte(crc)^b]
	}
	return crc
}

var crc16Table = func() (t [256]uint16) {
	for i := range t {
		c := uint16(i)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0xa001
			} else {
				c >>= 1
			}
		}
		t[i] = c
	}
	return t
}()
