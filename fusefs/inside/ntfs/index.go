package ntfs

import "fmt"

const (
	fileDirectory = 0x10000000
	fileReparse   = 0x400
)

// list calls fn for each name of a directory, and leaves those out for which keep returns an
// error. What is damaged is left out too, and told by the error at the end.
func (f *FS) list(ino uint64, keep, fn func(entry) error) error {
	n, err := f.directory(ino)
	if err != nil {
		return err
	}
	var mine, bad error
	give := func(e entry) error {
		if e.number < recordFirst {
			return nil // of the file system itself
		}
		if !wellNamed(e.name) {
			bad = corrupt(recordName(e.number), "it has a name that cannot be one: %q", e.name)
			return nil
		}
		if err := keep(e); err != nil {
			bad = fmt.Errorf("%q: %w", e.name, err)
			return nil
		}
		mine = fn(e)
		return mine
	}
	err = n.names(give, func(err error) { bad = err })
	switch {
	case mine != nil:
		return mine
	case err == nil:
		err = bad
	}
	if err != nil {
		return fmt.Errorf("read directory of %s: %w", recordName(n.number), err)
	}
	return nil
}

// directory reads the record of a directory.
func (f *FS) directory(ino uint64) (*inode, error) {
	n, err := f.inode(ino)
	if err != nil {
		return nil, err
	}
	if !n.isDir() || ino>>numberBits != 0 {
		return nil, fmt.Errorf("read directory of %s: it is no directory", recordName(n.number))
	}
	return n, nil
}

// checkSequence checks that a record is still that of the file which an entry means.
func (f *FS) checkSequence(e entry) error {
	if e.number >= uint64(f.mftSize/f.record) {
		return corrupt("the MFT", "it has no record %d", e.number)
	}
	var head [24]byte
	if err := f.readRuns(f.mftRuns, head[:], int64(e.number)*f.record); err != nil {
		return fmt.Errorf("read %s: %w", recordName(e.number), err)
	}
	if string(head[:4]) == fileMagic && (le.Uint16(head[16:]) != e.sequence ||
		le.Uint16(head[22:])&recordUsed == 0) {
		return corrupt(recordName(e.number), "it belongs to another file by now")
	}
	return nil // what else is wrong is told when it is read
}

// names calls fn for each name in the index of a directory, and bad for what is damaged.
// All blocks that are in use are read one after the other, so that none is read twice.
func (n *inode) names(fn func(entry) error, bad func(error)) error {
	root, size, err := n.indexRoot()
	if err != nil {
		return err
	}
	if err := indexEntries(root, indexOf(n), fn); err != nil {
		return err
	}
	blocks, err := n.indexBlocks(size)
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	used, err := n.open(attrBitmap, wide(indexName))
	if err != nil {
		return err
	}
	return n.blocks(blocks, used, size, fn, bad)
}

// blocks is names for the blocks of an index.
func (n *inode) blocks(blocks, used *stream, size int64, fn func(entry) error,
	bad func(error)) error {
	b := make([]byte, size)
	var bits [512]byte
	failed := 0
	for i := int64(0); i < blocks.first.size/size; i++ {
		bit := i % (8 * int64(len(bits)))
		if bit == 0 {
			left := min(used.first.size-i/8, int64(len(bits)))
			if left <= 0 {
				return nil
			}
			clear(bits[:])
			err := used.meta(bits[:left], i/8)
			if i > 0 && err == nil {
				err = n.f.dev.Alive()
			}
			if err != nil {
				return err
			}
			if bits == [len(bits)]byte{} {
				i += 8*int64(len(bits)) - 1
				continue
			}
		}
		if bits[bit/8] == 0 {
			i |= 7 // none of these eight
			continue
		}
		if bits[bit/8]>>(bit%8)&1 == 0 {
			continue
		}
		where := fmt.Sprintf("block %d of %s", i, indexOf(n))
		err := n.indexBlock(blocks, b, i*size, where)
		if err == nil {
			var mine error
			err = indexEntries(b[nodeAt:], where, func(e entry) error { mine = fn(e); return mine })
			if mine != nil {
				return mine
			}
		}
		if err != nil {
			bad(err)
			if failed++; failed == maxBad {
				return err
			}
		}
	}
	return nil
}

// ReadDir calls fn for each entry of a directory, in the order of the disk, without "."
// and ".." and the files of the file system itself. An error of fn ends it and is returned.
// What can be read of a damaged directory is given to fn before the error is returned.
func (f *FS) ReadDir(ino uint64, fn func(Dirent) error) error {
	return f.list(ino, f.checkSequence, func(e entry) error {
		d := Dirent{Name: e.name, Ino: e.number, Type: dtRegular}
		if e.flags&fileDirectory != 0 {
			d.Type = dtDir
		}
		if e.flags&(fileReparse|fileSystem) != 0 {
			if n, err := f.inode(e.number); err == nil {
				d.Type = uint8(n.mode() >> 12)
			} else {
				d.Type = 0
			}
		}
		return fn(d)
	})
}

// indexEntries calls fn for the names of a node of an index but for short ones.
func indexEntries(b []byte, where string, fn func(entry) error) error {
	return nodeEntries(b, where, func(e nodeEntry) error {
		if e.name == nil || e.short() {
			return nil
		}
		return fn(e.entry())
	})
}
