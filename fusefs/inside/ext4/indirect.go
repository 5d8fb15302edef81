package ext4

import "fmt"

const directBlocks = 12

// pointerAt is runAt of a file whose blocks are found by pointers: twelve to
// the first blocks, then one to a block of pointers, one to a block of pointers
// to blocks of pointers, and one that is a level deeper.
func (f *FS) pointerAt(in *inode, block uint64) (run, error) {
	per := uint64(f.bs / 4)
	if block < directBlocks {
		return f.pointers(in.iblock()[:directBlocks*4], block, 0)
	}
	first, span := uint64(directBlocks), per
	for level := range 3 {
		if block < first+span {
			at := le.Uint32(in.iblock()[(directBlocks+level)*4:])
			r, err := f.indirect(at, block, first, span)
			if err != nil {
				return run{}, fmt.Errorf("find block %d of inode %d: %w", block, in.ino, err)
			}
			return r, nil
		}
		first += span
		span *= per
	}
	return run{from: block, to: endOfFile}, nil
}

// indirect goes down from a block of pointers that is about span blocks from first on.
func (f *FS) indirect(at uint32, block, first, span uint64) (run, error) {
	per := uint64(f.bs / 4)
	for {
		if at == 0 {
			return run{from: block, to: first + span}, nil
		}
		b, err := f.block(uint64(at))
		if err != nil {
			return run{}, err
		}
		span /= per
		if span == 1 {
			return f.pointers(b.data, block, first)
		}
		i := (block - first) / span
		first += i * span
		at = le.Uint32(b.data[i*4:])
	}
}

// pointers returns the run from a block on among pointers to data, of which the
// first is to block first.
func (f *FS) pointers(list []byte, block, first uint64) (run, error) {
	get := func(i uint64) uint64 { return uint64(le.Uint32(list[i*4:])) }
	i, n := block-first, uint64(len(list)/4)
	r := run{from: block, disk: get(i)}
	r.data = r.disk != 0
	j := i + 1
	for j < n && (r.data && get(j) == r.disk+j-i || !r.data && get(j) == 0) {
		j++
	}
	r.to = first + j
	if r.data {
		if err := f.inside(r.disk, int64(r.to-r.from)); err != nil {
			return run{}, err
		}
	}
	return r, nil
}
