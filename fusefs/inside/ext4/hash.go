package ext4

import "math/bits"

// Hashes of names in indexed directories (fs/ext4/hash.c).
const (
	hashLegacy  = 0
	hashHalfMD4 = 1
	hashTea     = 2
	hashUnsign  = 3 // is added where the bytes of names count as unsigned

	flagSignedHash   = 1 // of the superblock
	flagUnsignedHash = 2

	hashEOF = 0x7fffffff << 1
)

// nameHash returns the hash of a name, and false if the version is not known.
func (sb *super) nameHash(name string, version uint8) (uint32, bool) {
	unsigned := version >= hashUnsign
	if unsigned {
		version -= hashUnsign
	}
	buf := [4]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}
	if sb.hashSeed != [4]uint32{} {
		buf = sb.hashSeed
	}
	var hash uint32
	switch version {
	case hashLegacy:
		hash = legacyHash(name, unsigned)
	case hashHalfMD4:
		for len(name) > 0 {
			var in [8]uint32
			hashWords(in[:], name, unsigned)
			halfMD4(&buf, &in)
			name = name[min(32, len(name)):]
		}
		hash = buf[1]
	case hashTea:
		for len(name) > 0 {
			var in [4]uint32
			hashWords(in[:], name, unsigned)
			tea(&buf, &in)
			name = name[min(16, len(name)):]
		}
		hash = buf[0]
	default:
		return 0, false
	}
	hash &^= 1
	if hash == hashEOF {
		hash -= 2
	}
	return hash, true
}

func hashByte(b byte, unsigned bool) uint32 {
	if unsigned {
		return uint32(b)
	}
	return uint32(int32(int8(b)))
}

func legacyHash(name string, unsigned bool) uint32 {
	hash0, hash1 := uint32(0x12a3fe2d), uint32(0x37abe8f9)
	for i := range len(name) {
		hash := hash1 + (hash0 ^ hashByte(name[i], unsigned)*7152373)
		if hash&0x80000000 != 0 {
			hash -= 0x7fffffff
		}
		hash1, hash0 = hash0, hash
	}
	return hash0 << 1
}

// hashWords packs a name into numbers, and fills the rest with its length.
func hashWords(in []uint32, name string, unsigned bool) {
	pad := uint32(len(name)) | uint32(len(name))<<8
	pad |= pad << 16
	name = name[:min(len(name), len(in)*4)]
	val, n := pad, 0
	for i := range len(name) {
		val = hashByte(name[i], unsigned) + val<<8
		if i%4 == 3 {
			in[n] = val
			val = pad
			n++
		}
	}
	for ; n < len(in); n++ {
		in[n] = val
		val = pad
	}
}

func tea(buf *[4]uint32, in *[4]uint32) {
	b0, b1, sum := buf[0], buf[1], uint32(0)
	for range 16 {
		sum += 0x9e3779b9
		b0 += (b1<<4 + in[0]) ^ (b1 + sum) ^ (b1>>5 + in[1])
		b1 += (b0<<4 + in[2]) ^ (b0 + sum) ^ (b0>>5 + in[3])
	}
	buf[0] += b0
	buf[1] += b1
}

// halfMD4 is MD4 without a third of its steps and half of its input.
func halfMD4(buf *[4]uint32, in *[8]uint32) {
	f := func(x, y, z uint32) uint32 { return z ^ (x & (y ^ z)) }
	g := func(x, y, z uint32) uint32 { return (x & y) + ((x ^ y) & z) }
	h := func(x, y, z uint32) uint32 { return x ^ y ^ z }
	rounds := [3]struct {
		mix   func(x, y, z uint32) uint32
		add   uint32
		order [8]int
		turn  [4]int
	}{
		{f, 0, [8]int{0, 1, 2, 3, 4, 5, 6, 7}, [4]int{3, 7, 11, 19}},
		{g, 0x5a827999, [8]int{1, 3, 5, 7, 0, 2, 4, 6}, [4]int{3, 5, 9, 13}},
		{h, 0x6ed9eba1, [8]int{3, 7, 2, 6, 1, 5, 0, 4}, [4]int{3, 9, 11, 15}},
	}
	a, b, c, d := buf[0], buf[1], buf[2], buf[3]
	for _, r := range rounds {
		for i, k := range r.order {
			t := bits.RotateLeft32(a+r.mix(b, c, d)+in[k]+r.add, r.turn[i%4])
			a, b, c, d = d, t, b, c
		}
	}
	buf[0] += a
	buf[1] += b
	buf[2] += c
	buf[3] += d
}
