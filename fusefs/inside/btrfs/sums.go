package btrfs

import "errors"

// sums returns the checksums of so many blocks from an address on, and which of them have one.
func (f *FS) sums(logical uint64, blocks int) (out []byte, found []bool, err error) {
	size := uint64(f.checksum.size)
	out, found = make([]byte, size*uint64(blocks)), make([]bool, blocks)
	end := logical + uint64(blocks)*uint64(f.sector)
	from := key{checksumObject, kindChecksum, logical}
	if it, err := f.before(f.checksums, from); err == nil {
		from = it.key // it may reach as far
	} else if !errors.Is(err, errNoItem) {
		return nil, nil, err
	}
	err = f.walk(f.checksums, from, func(it item) (bool, error) {
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
			block := (at - logical) / uint64(f.sector)
			copy(out[block*size:], it.data[i*size:][:size])
			found[block] = true
			i++
		}
		return true, nil
	})
	return out, found, err
}

// compareBefore says whether an item is not behind a key.
func (it item) compareBefore(k key) bool { return it.compare(k) <= 0 }
