package xfs

import "math/bits"

const (
	leafMagic   = 0xd2f1 // hashes of a directory that has one block of them
	leavesMagic = 0xd2ff // hashes of a directory that has more
	treeMagic   = 0xfebe // a node of a tree of hashes
	leafMagic5  = 0x3df1
	leavesMagc5 = 0x3dff
	treeMagic5  = 0x3ebe

	hashBytes      = 8 // of a hash and where its name is
	maxTreeLevels  = 5
	maxHashesAlike = 1 << 16 // entries of one hash that are looked at
)

// nameHash is the hash of a name (xfs_da_hashname).
func nameHash(name string) (h uint32) {
	for i := range len(name) {
		h = uint32(name[i]) ^ bits.RotateLeft32(h, 7)
	}
	return h
}

// hashNode is a block of hashes.
type hashNode struct {
	entries []byte // hashBytes each: a hash, and a place or a block below
	level   int    // 0: a leaf
	next    uint32 // block that goes on; 0: none
}

func (n *hashNode) len() int          { return len(n.entries) / hashBytes }
func (n *hashNode) hash(i int) uint32 { return be.Uint32(n.entries[i*hashBytes:]) }
func (n *hashNode) at(i int) uint32   { return be.Uint32(n.entries[i*hashBytes+4:]) }

// first returns the first entry whose hash is not below one.
func (n *hashNode) first(hash uint32) int {
	low, high := 0, n.len()
	for low < high {
		if mid := int(uint(low+high) / 2); n.hash(mid) < hash {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// hashBlock reads and checks a block of hashes.
func (f *FS) hashBlock(in *inode, block uint64) (*hashNode, error) {
	b, at, err := f.dirBlock(in, block, nil)
	if err != nil {
		return nil, err
	}
	if as := proof(provedHashes, in.ino); b.proved.Load() != as {
		if err := f.identify(b, at, treeHeader, in.ino, "a block of hashes"); err != nil {
			return nil, err
		}
		b.proved.Store(as)
	}
	begin, leaf, leaves, tree := 16, uint16(leafMagic), uint16(leavesMagic), uint16(treeMagic)
	if f.sb.v5() {
		begin, leaf, leaves, tree = 64, leafMagic5, leavesMagc5, treeMagic5
	}
	n := &hashNode{next: be.Uint32(b.data)}
	counted := b.data[begin-4:] // in version 4 it is the end of the header
	if f.sb.v5() {
		counted = b.data[begin-8:]
	}
	count := int(be.Uint16(counted))
	switch be.Uint16(b.data[8:]) {
	case leaf:
		n.next = 0
	case leaves:
	case tree:
		if n.level = int(be.Uint16(counted[2:])); n.level < 1 || n.level > maxTreeLevels {
			return nil, corrupt(blockName(at), "hashes of inode %d are %d above the leaves",
				in.ino, n.level)
		}
	default:
		return nil, corrupt(blockName(at), "no hashes of the directory of inode %d are there",
			in.ino)
	}
	if count*hashBytes > len(b.data)-begin {
		return nil, corrupt(blockName(at), "a block of hashes of inode %d has %d of them",
			in.ino, count)
	}
	n.entries = b.data[begin:][:count*hashBytes]
	return n, nil
}

// lookupHash returns the inode of a name by its hash; 0: there is none.
func (f *FS) lookupHash(in *inode, name string) (uint64, error) {
	hash := nameHash(name)
	n, err := f.firstHashes(in, hash)
	if err != nil || n == nil {
		return 0, err
	}
	i := n.first(hash)
	for range maxHashesAlike {
		if i == n.len() {
			if n.next == 0 {
				return 0, nil
			}
			next, err := f.hashBlock(in, uint64(n.next))
			if err != nil {
				return 0, err
			}
			if next.level != 0 {
				return 0, corrupt(in.String(), "its hashes go on in an index")
			}
			n, i = next, 0
			continue
		}
		if n.hash(i) != hash {
			return 0, nil
		}
		if at := n.at(i); at != 0 { // else it was removed
			if ino, err := f.nameAt(in, at, name); err != nil || ino != 0 {
				return ino, err
			}
		}
		i++
	}
	return 0, corrupt(in.String(), "too many hashes are alike")
}

// firstHashes returns the first hashes among which one can be; nil: there are none.
func (f *FS) firstHashes(in *inode, hash uint32) (*hashNode, error) {
	if in.size == int64(f.sb.dirBlockBytes()) {
		n, err := f.namesBlock(in, 0, nil)
		if err != nil {
			return nil, err
		}
		if n.hashes != nil {
			return &hashNode{entries: n.hashes}, nil
		}
	}
	return f.hashLeaf(in, hash)
}

// hashLeaf goes down to the first leaf that can have a hash; nil: none can.
func (f *FS) hashLeaf(in *inode, hash uint32) (*hashNode, error) {
	n, err := f.hashBlock(in, dataEnd>>f.sb.logBlock)
	if err != nil {
		return nil, err
	}
	for n.level > 0 {
		i := n.first(hash)
		if i == n.len() {
			return nil, nil
		}
		next, err := f.hashBlock(in, uint64(n.at(i)))
		if err != nil {
			return nil, err
		}
		if next.level != n.level-1 {
			return nil, corrupt(in.String(), "an index of hashes is not of the level it should be")
		}
		n = next
	}
	return n, nil
}

// nameAt returns the inode of the entry at a place if it has a name; else 0.
func (f *FS) nameAt(in *inode, at uint32, name string) (uint64, error) {
	off := uint64(at) << 3
	block := off >> (f.sb.logBlock + f.sb.logDirBlock) << f.sb.logDirBlock
	n, err := f.namesBlock(in, block, nil)
	if err != nil {
		return 0, err
	}
	skip := int(off & uint64(f.sb.dirBlockBytes()-1))
	if skip < n.begin || skip >= n.end {
		return 0, corrupt(in.String(), "a hash leads to no name")
	}
	found, ino, _, _, err := f.entry(n, skip, in.ino)
	if err != nil || string(found) != name {
		return 0, err
	}
	return ino, nil
}
