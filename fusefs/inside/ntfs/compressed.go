package ntfs

import "fmt"

// readUnits reads contents that are compressed, in units: one that takes no room is zeros,
// one that takes all its room is as it is, and any other is compressed.
func (file *File) readUnits(p []byte, off int64) (n int, err error) {
	size := file.first.unit
	for len(p) > 0 {
		unit, in := off/size, off%size
		part := p[:min(int64(len(p)), size-in)]
		if err := file.readUnit(part, unit, in); err != nil {
			return n, err
		}
		n += len(part)
		p, off = p[len(part):], off+int64(len(part))
	}
	return n, nil
}

// readUnit fills p from an offset within a unit.
func (file *File) readUnit(p []byte, unit, in int64) error {
	file.unitMu.Lock()
	data, known := file.data, file.unit == unit
	file.unitMu.Unlock()
	if known {
		copy(p, data[in:])
		return nil
	}
	f := file.n.f
	clusters := uint64(file.first.unit / f.cluster)
	first := uint64(unit) * clusters
	held, err := file.held(first, clusters)
	switch {
	case err != nil:
		return err
	case held == 0:
		clear(p)
		return nil
	case held == clusters:
		return file.readAt(p, unit*file.first.unit+in, f.dev.Read)
	}
	packed := make([]byte, int64(held)*f.cluster)
	if err := file.readAt(packed, unit*file.first.unit, f.dev.Read); err != nil {
		return err
	}
	// What is behind the last byte that the file has is not necessarily there.
	data = make([]byte, file.first.unit)
	got, err := decompress(data, packed)
	if want := min(file.written-unit*file.first.unit, int64(len(data))); err == nil &&
		int64(got) < want {
		err = fmt.Errorf("there are %d bytes of %d", got, want)
	}
	if err != nil {
		return corrupt(recordName(file.n.number), "what is compressed at byte %d: %v",
			unit*file.first.unit, err)
	}
	copy(p, data[in:])
	file.unitMu.Lock()
	file.unit, file.data = unit, data
	file.unitMu.Unlock()
	return nil
}

// held returns how many of the clusters of a unit are on the disk, which are its first ones.
func (file *File) held(first, clusters uint64) (held uint64, err error) {
	end := uint64((file.first.reserved + file.n.f.cluster - 1) / file.n.f.cluster)
	for vcn := first; vcn < first+clusters; {
		if vcn >= end {
			return held, nil // the last unit may be shorter than the others
		}
		r, err := file.runAt(vcn)
		if err != nil {
			return 0, err
		}
		next := min(r.vcn+r.count, first+clusters)
		if r.hole() {
			return held, nil
		}
		held += next - vcn
		vcn = next
	}
	return held, nil
}

// decompress decompresses LZNT1 into out, and returns how many bytes there are.
func decompress(out, in []byte) (n int, err error) {
	const chunkBytes = 4096
	for len(in) >= 2 && n < len(out) {
		head := le.Uint16(in)
		if head == 0 {
			break
		}
		length := int(head&0xfff) + 1
		if in = in[2:]; length > len(in) {
			return n, fmt.Errorf("a piece of %d bytes, and %d are left", length, len(in))
		}
		chunk := out[n:min(n+chunkBytes, len(out))]
		got := 0
		if head&0x8000 == 0 {
			got = copy(chunk, in[:length])
		} else if got, err = decompressChunk(chunk, in[:length]); err != nil {
			return n, err
		}
		in = in[length:]
		if len(in) >= 2 && le.Uint16(in) != 0 && got < len(chunk) {
			clear(chunk[got:]) // only the last one may be shorter, but others can be
			got = len(chunk)
		}
		n += got
	}
	return n, nil
}

// decompressChunk decompresses one chunk: bytes, and pairs of a distance and a length whose
// widths depend on how much is before them.
func decompressChunk(out, in []byte) (n int, err error) {
	for len(in) > 0 {
		tags := in[0]
		in = in[1:]
		for range 8 {
			if len(in) == 0 {
				return n, nil
			}
			if tags&1 == 0 {
				if n == len(out) {
					return n, fmt.Errorf("a chunk has more than %d bytes", len(out))
				}
				out[n] = in[0]
				in, n = in[1:], n+1
			} else {
				if len(in) < 2 || n == 0 {
					return n, fmt.Errorf("a pair that cannot be")
				}
				shift := 12
				for m := n - 1; m >= 0x10; m >>= 1 {
					shift--
				}
				pair := int(le.Uint16(in))
				distance, length := pair>>shift+1, pair&(1<<shift-1)+3
				if in = in[2:]; distance > n || length > len(out)-n {
					return n, fmt.Errorf("a pair of %d and %d at byte %d", distance, length, n)
				}
				for ; length > 0; length-- {
					out[n] = out[n-distance]
					n++
				}
			}
			tags >>= 1
		}
	}
	return n, nil
}
