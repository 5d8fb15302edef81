package btrfs

import "errors"

// sums returns the checksums of so many blocks from an address on. Of a block that has none
// it is zeros.
func (f *FS) sums(logical uint64, blocks int) ([]byte, error) {
	size := uint64(f.checksum.size)
	out := make([]byte, size*uint64(blocks))
	end := logical + uint64(blocks)*uint64(f.sector)
	from := key{checksumObject, kindChecksum, logical}
	if it, err := f.before(f.checksums, from); err == nil {
		from = it.key // it may reach as far
	} else if !errors.Is(err, errNoItem) {
		return nil, err
	}
	err := f.walk(f.checksums, from, func(it item) (bool, error) {
		if it.object != checksumObject || it.kind != kindChecksum || it.offset >= end {
			return it.compareBefore(from), nil
		}
		for i := uint64(0); i < uint64(len(it.data))/size; {
			at := it.offset + i*uint64(f.sector)
			if at < logical {
				i += max((logical-at)/uint64(f.sector), 1)
				continue
			}
			if at >= end {
				return false, nil
			}
			copy(out[(at-logical)/uint64(f.sector)*size:], it.data[i*size:][:size])
			i++
		}
		return true, nil
	})
	return out, err
}

// compareBefore says whether an item is not behind a key.
func (it item) compareBefore(k key) bool { return it.compare(k) <= 0 }

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
