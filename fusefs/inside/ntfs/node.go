package ntfs

const indexName = "$I30" // of file names

// indexOf names the index of a directory.
func indexOf(n *inode) string { return "the index of " + recordName(n.number) }

// indexRoot returns the root of the index of a directory, from its head on, and how many bytes
// each of its blocks has.
func (n *inode) indexRoot() (node []byte, size int64, err error) {
	root, err := n.first(attrIndexRoot, wide(indexName))
	if err != nil {
		return nil, 0, err
	}
	if len(root.value) < 32 || !root.resident {
		return nil, 0, corrupt(indexOf(n), "it has %d bytes", len(root.value))
	}
	return root.value[16:], int64(le.Uint32(root.value[8:])), nil
}

// indexBlocks opens the blocks of an index, of so many bytes each. The error is fs.ErrNotExist
// (errors.Is) if it has none.
func (n *inode) indexBlocks(size int64) (*stream, error) {
	blocks, err := n.open(attrIndexBlocks, wide(indexName))
	if err != nil {
		return nil, err
	}
	if size < minRecord || size > maxRecord || size&(size-1) != 0 ||
		blocks.first.size > n.f.dev.Size {
		return nil, corrupt(indexOf(n), "it has %d bytes in blocks of %d", blocks.first.size, size)
	}
	return blocks, nil
}

// indexBlock reads the block of an index at an offset of these. Its head is behind the first
// nodeAt bytes.
func (n *inode) indexBlock(blocks *stream, b []byte, off int64, where string) error {
	if err := blocks.meta(b, off); err != nil {
		return err
	}
	if err := fixups(b, indexMagic, func() string { return where }); err != nil {
		return err
	}
	if !n.f.isBlockAt(b, off) {
		return corrupt(where, "it is the block of another place, %d", le.Uint64(b[16:]))
	}
	return nil
}

// nodeAt is where the head of a node is in a block of an index.
const nodeAt = 24

// isBlockAt says whether a block of an index is the one that belongs to an offset. Otherwise a
// few blocks that a list of runs repeats are a directory without end. Blocks that are smaller
// than a cluster are counted by sectors, of whose size drivers have two opinions.
func (f *FS) isBlockAt(b []byte, off int64) bool {
	number := le.Uint64(b[16:])
	if int64(len(b)) >= f.cluster {
		return number == uint64(off/f.cluster)
	}
	return number == uint64(off/sectorBytes) || number == uint64(off/f.sector)
}
