package luks

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
	"sync"
)

// hashOf returns a hash by the name that headers have for it.
func hashOf(name string) (func() hash.Hash, error) {
	switch name {
	case "sha1":
		return sha1.New, nil
	case "sha224":
		return sha256.New224, nil
	case "sha256":
		return sha256.New, nil
	case "sha384":
		return sha512.New384, nil
	case "sha512":
		return sha512.New, nil
	}
	return nil, unsupported("it uses the hash %.40q, which is not known here", name)
}

// derivePBKDF2 is PBKDF2 of RFC 8018 with HMAC. The library's cannot be interrupted, and makes the
// parts of the output one after the other, which here have a goroutine each: a key of 64 bytes
// takes as long as one of 32. There are at most four parts.
func derivePBKDF2(ctx context.Context, hashName string, pass, salt []byte, iterations int64,
	size int) ([]byte, error) {
	newHash, err := hashOf(hashName)
	if err != nil {
		return nil, err
	}
	each := newHash().Size()
	out := make([]byte, (size+each-1)/each*each)
	var parts sync.WaitGroup
	for i := range len(out) / each {
		parts.Go(func() {
			pbkdf2Part(ctx, newHash, pass, salt, iterations, uint32(i+1), out[i*each:(i+1)*each],
				hashName == "sha256" && hasLoop)
		})
	}
	parts.Wait()
	return out[:size], ctx.Err()
}

// checkEvery is how many iterations are made between looks at the context: some milliseconds.
const checkEvery = 1 << 13

func pbkdf2Part(ctx context.Context, newHash func() hash.Hash, pass, salt []byte, iterations int64,
	part uint32, out []byte, fast bool) {
	mac := hmac.New(newHash, pass)
	mac.Write(salt)
	mac.Write(binary.BigEndian.AppendUint32(nil, part))
	u := mac.Sum(nil)
	defer func() { clear(u) }()
	copy(out, u)
	if fast && fastPart(ctx, pass, u, iterations, out) == nil {
		return
	}
	for i := int64(1); i < iterations; i++ {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return
		}
		mac.Reset()
		mac.Write(u)
		u = mac.Sum(u[:0])
		for j, b := range u {
			out[j] ^= b
		}
	}
}

// merge joins the stripes of a key slot, appendix "AFsplitter" of the specification of LUKS1.
func merge(newHash func() hash.Hash, stripes []byte, count int) []byte {
	size := len(stripes) / count
	out := make([]byte, size)
	sum := newHash()
	for i := range count {
		for j, b := range stripes[i*size : (i+1)*size] {
			out[j] ^= b
		}
		if i < count-1 {
			diffuse(sum, out)
		}
	}
	return out
}

func diffuse(sum hash.Hash, b []byte) {
	var number [4]byte
	for i := 0; i*sum.Size() < len(b); i++ {
		part := b[i*sum.Size() : min((i+1)*sum.Size(), len(b))]
		sum.Reset()
		binary.BigEndian.PutUint32(number[:], uint32(i))
		sum.Write(number[:])
		sum.Write(part)
		copy(part, sum.Sum(nil))
	}
}
