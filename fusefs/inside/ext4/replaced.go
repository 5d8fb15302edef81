package ext4

import (
	"cmp"
	"slices"
)

// A replacement says that a block of the file system has newer contents in the journal.
type replacement struct {
	block uint64 // of the file system
	from  uint64 // block of the file system, within the journal, that has them
	how   uint8
}

const (
	escaped = 1 << iota // its first four bytes are the journal's magic number
	damaged             // what the journal has does not agree with its checksum
)

const replacementBytes = 24

// replacements are what the journal replaces, by block, each block once.
type replacements []replacement

func newReplacements(all []replacement) replacements {
	slices.SortStableFunc(all, func(a, b replacement) int { return cmp.Compare(a.block, b.block) })
	out := all[:0]
	for i, r := range all { // the last of each block is the newest
		if i+1 == len(all) || all[i+1].block != r.block {
			out = append(out, r)
		}
	}
	return out
}

func (rs replacements) find(block uint64) (int, bool) {
	return slices.BinarySearchFunc(rs, block,
		func(r replacement, b uint64) int { return cmp.Compare(r.block, b) })
}

// next returns how many blocks from one on are not replaced.
func (rs replacements) next(block uint64) uint64 {
	if len(rs) == 0 {
		return 1 << 62
	}
	i, _ := rs.find(block)
	if i == len(rs) {
		return 1 << 62
	}
	return rs[i].block - block
}

// readReplaced fills p from within a block that the journal replaces.
func (f *FS) readReplaced(p []byte, number uint64, skip int64) error {
	i, _ := f.replaced.find(number)
	r := f.replaced[i]
	if r.how&damaged != 0 {
		return corrupt(blockName(number),
			"its newest contents, in the journal, have a wrong checksum")
	}
	if err := f.dev.Read(p, int64(r.from)<<f.sb.logBlock+skip); err != nil {
		return err
	}
	if r.how&escaped != 0 {
		var magic [4]byte
		be.PutUint32(magic[:], journalMagic)
		if skip < 4 {
			copy(p, magic[skip:])
		}
	}
	return nil
}
