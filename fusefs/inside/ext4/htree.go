package ext4

import "errors"

const (
	indexEntry     = 8  // hash and block
	rootInfo       = 24 // in the first block, behind "." and ".."
	nodeInfo       = 8  // in other blocks, behind an entry that is not in use
	maxIndexLevels = 3  // with large_dir; else 2
	indexBlockMask = 0x0fffffff
	maxSameHash    = 1024 // blocks with names of one hash that are looked through
)

var errIndex = errors.New("the index of the directory is damaged")

// indexNode is a node of the index of a directory.
type indexNode struct {
	list  []byte // of entries; the hash of the first counts as 0
	count int
	at    int // the entry that was taken
}

func (n *indexNode) hash(i int) uint32 { return le.Uint32(n.list[i*indexEntry:]) }
func (n *indexNode) child(i int) uint64 {
	return uint64(le.Uint32(n.list[i*indexEntry+4:]) & indexBlockMask)
}

// parseIndex reads a node whose entries begin at an offset.
func parseIndex(b []byte, at int) (indexNode, bool) {
	if at+indexEntry > len(b) {
		return indexNode{}, false
	}
	n := indexNode{list: b[at:], count: int(le.Uint16(b[at+2:]))}
	limit := int(le.Uint16(b[at:]))
	ok := n.count >= 1 && n.count <= limit && at+limit*indexEntry <= len(b)
	return n, ok
}

// find takes the last entry whose hash is not larger.
func (n *indexNode) find(hash uint32) {
	low, high := 1, n.count
	for low < high {
		if mid := (low + high) / 2; n.hash(mid) > hash {
			high = mid
		} else {
			low = mid + 1
		}
	}
	n.at = low - 1
}

// indexAt returns where the entries of the index are in a block of a directory.
func (f *FS) indexAt(b []byte, block uint64) int {
	if block == 0 {
		return rootInfo + int(b[rootInfo+5])
	}
	return nodeInfo
}

// isIndex says whether a block of an indexed directory has no names in it.
func (f *FS) isIndex(b []byte, block uint64) bool {
	return block == 0 || le.Uint32(b) == 0 && f.recordBytes(b) == len(b)
}

// checkIndex checks the checksum of a node of an index.
func (f *FS) checkIndex(in *inode, b []byte, block, disk uint64) error {
	at := f.indexAt(b, block)
	n, ok := parseIndex(b, at)
	limit := int(le.Uint16(b[min(at, len(b)-2):]))
	tail := at + limit*indexEntry
	if !ok || tail+8 > len(b) {
		return corrupt(blockName(disk), "the index of the directory of inode %d has no checksum",
			in.ino)
	}
	c := crc32c(in.seed, b[:at+n.count*indexEntry])
	c = crc32c(crc32c(c, b[tail:tail+4]), zeros[:])
	if c != le.Uint32(b[tail+4:]) {
		return corrupt(blockName(disk),
			"the checksum of the index of the directory of inode %d is wrong", in.ino)
	}
	return nil
}

// indexNodeAt reads a node of an index, by the block of the directory.
func (f *FS) indexNodeAt(in *inode, block uint64) (indexNode, []byte, error) {
	b, err := f.directoryBlockAt(in, block)
	if err != nil {
		return indexNode{}, nil, err
	}
	if !f.isIndex(b, block) {
		return indexNode{}, nil, errIndex
	}
	n, ok := parseIndex(b, f.indexAt(b, block))
	if !ok {
		return indexNode{}, nil, errIndex
	}
	return n, b, nil
}

func (f *FS) directoryBlockAt(in *inode, block uint64) ([]byte, error) {
	r, err := f.runAt(in, block, nil)
	if err != nil {
		return nil, err
	}
	if !r.data || block >= uint64(in.size)>>f.sb.logBlock {
		return nil, errIndex
	}
	return f.directoryBlock(in, r.disk, block)
}

// lookupHash finds a name by the index of a directory. It returns whether the
// index is sure that there is no such name.
func (f *FS) lookupHash(in *inode, name string) (at uint32, sure bool, err error) {
	root, b, err := f.indexNodeAt(in, 0)
	if err != nil {
		return 0, false, err
	}
	version, levels := b[rootInfo+4], int(b[rootInfo+6])
	if version > hashTea || levels >= maxIndexLevels {
		return 0, false, errIndex
	}
	if f.sb.flags&flagUnsignedHash != 0 {
		version += hashUnsign
	}
	hash, ok := f.sb.nameHash(name, version)
	if !ok {
		return 0, false, errIndex
	}
	path := make([]indexNode, 1, maxIndexLevels)
	path[0] = root
	path[0].find(hash)
	if path, err = f.descend(in, path, levels, hash); err != nil {
		return 0, false, err
	}
	// Names with one hash may go on in the next blocks.
	for range maxSameHash {
		last := path[levels]
		if at, err = f.findIn(in, last.child(last.at), name); err != nil || at != 0 {
			return at, false, err
		}
		more, err := f.nextIndex(in, path, hash)
		if err != nil {
			return 0, false, err
		}
		if !more {
			return 0, f.sb.flags&(flagSignedHash|flagUnsignedHash) != 0, nil
		}
	}
	return 0, false, errIndex
}

// descend adds the nodes below the last one of the path, down to the lowest level.
func (f *FS) descend(in *inode, path []indexNode, levels int, hash uint32) ([]indexNode, error) {
	for len(path) <= levels {
		last := path[len(path)-1]
		n, _, err := f.indexNodeAt(in, last.child(last.at))
		if err != nil {
			return nil, err
		}
		n.find(hash)
		path = append(path, n)
	}
	return path, nil
}

// nextIndex moves to the next entry of the lowest level, if that has names of the same hash.
func (f *FS) nextIndex(in *inode, path []indexNode, hash uint32) (bool, error) {
	level := len(path) - 1
	for path[level].at++; path[level].at >= path[level].count; path[level].at++ {
		if level--; level < 0 {
			return false, nil
		}
	}
	if path[level].hash(path[level].at)&^1 != hash {
		return false, nil
	}
	_, err := f.descend(in, path[:level+1:cap(path)], len(path)-1, 0)
	return err == nil, err
}

// findIn looks for a name in one block of a directory.
func (f *FS) findIn(in *inode, block uint64, name string) (found uint32, err error) {
	r, err := f.runAt(in, block, nil)
	if err != nil || !r.data || block == 0 {
		return 0, errIndex
	}
	err = f.eachInBlock(in, r.disk, block, func(b []byte, ino uint32, _ uint8) error {
		if string(b) == name {
			found = ino
			return errFound
		}
		return nil
	})
	if _, mine := err.(*entryError); mine {
		err = nil
	}
	return found, err
}
