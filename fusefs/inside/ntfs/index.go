package ntfs

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

const (
	indexName     = "$I30" // of file names
	entryLast     = 2      // a flag of an entry that has no name
	nameHead      = 66     // bytes of a file's name before it
	spaceDOS      = 2      // names that are short ones of others
	fileDirectory = 0x10000000
	fileReparse   = 0x400
)

// errStop ends a walk over entries.
var errStop = errors.New("stop")

// entry is an entry of a directory.
type entry struct {
	number   uint64
	sequence uint16
	name     string
	flags    uint32 // as of a file's information
}

// list calls fn for each name of a directory, and leaves those out for which keep returns an
// error. What is damaged is left out too, and told by the error at the end.
func (f *FS) list(ino uint64, keep, fn func(entry) error) error {
	n, err := f.inode(ino)
	if err != nil {
		return err
	}
	if !n.isDir() || ino>>numberBits != 0 {
		return fmt.Errorf("read directory of %s: it is no directory", recordName(n.number))
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
	root, err := n.first(attrIndexRoot, wide(indexName))
	if err != nil {
		return err
	}
	where := "the index of " + recordName(n.number)
	if len(root.value) < 32 || !root.resident {
		return corrupt(where, "it has %d bytes", len(root.value))
	}
	size := int64(le.Uint32(root.value[8:]))
	if err := indexEntries(root.value[16:], where, fn); err != nil {
		return err
	}
	blocks, err := n.open(attrIndexBlocks, wide(indexName))
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if size < minRecord || size > maxRecord || size&(size-1) != 0 ||
		blocks.first.size > n.f.dev.size {
		return corrupt(where, "it has %d bytes in blocks of %d", blocks.first.size, size)
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
				err = n.f.dev.alive()
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
		where := fmt.Sprintf("block %d of the index of %s", i, recordName(n.number))
		err := blocks.meta(b, i*size)
		if err == nil {
			err = fixups(b, indexMagic, where)
		}
		if err == nil && !n.f.isBlockAt(b, i*size) {
			err = corrupt(where, "it is the block of another place, %d", le.Uint64(b[16:]))
		}
		if err == nil {
			var mine error
			err = indexEntries(b[24:], where, func(e entry) error { mine = fn(e); return mine })
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

// indexEntries calls fn for the entries of a node of an index, whose head b begins with.
func indexEntries(b []byte, where string, fn func(entry) error) error {
	at, end := uint64(le.Uint32(b)), uint64(le.Uint32(b[4:]))
	if end > uint64(len(b)) || at < 16 || at > end {
		return corrupt(where, "its entries are from byte %d to %d of %d", at, end, len(b))
	}
	for b = b[at:end]; len(b) >= 16; {
		length, key := int(le.Uint16(b[8:])), int(le.Uint16(b[10:]))
		if le.Uint16(b[12:])&entryLast != 0 {
			return nil
		}
		if length < 16+key || length > len(b) || key < nameHead {
			return corrupt(where, "an entry of %d bytes with a name of %d", length, key)
		}
		name := b[16:][:key]
		nameBytes := 2 * int(name[64])
		if nameHead+nameBytes > key {
			return corrupt(where, "a name of %d bytes in %d", nameBytes, key)
		}
		if name[65] != spaceDOS {
			ref := le.Uint64(b)
			err := fn(entry{
				number: ref & recordNumbers, sequence: uint16(ref >> numberBits),
				name: wideName(name[nameHead:][:nameBytes]), flags: le.Uint32(name[56:]),
			})
			if err != nil {
				return err
			}
		}
		b = b[length:]
	}
	return corrupt(where, "its entries have no end")
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

// Lookup returns the number of the file of a name in a directory: one that is equal, else
// the first that is but for small and capital letters, else that of a stream for
// NAME:STREAM. The error is fs.ErrNotExist (errors.Is) if there is none.
func (f *FS) Lookup(dir uint64, name string) (uint64, error) {
	ino, err := f.lookup(dir, name)
	if at := strings.IndexByte(name, ':'); at > 0 && isNotExist(err) {
		if file, failed := f.lookup(dir, name[:at]); failed == nil {
			return f.lookupStream(file, name[at+1:])
		}
	}
	return ino, err
}

func (f *FS) lookup(dir uint64, name string) (uint64, error) {
	var equal, alike uint64
	wanted := func(e entry) error { // a record is read for these alone
		if !strings.EqualFold(e.name, name) {
			return nil
		}
		return f.checkSequence(e)
	}
	err := f.list(dir, wanted, func(e entry) error {
		switch {
		case e.name == name:
			equal = e.number
			return errStop
		case alike == 0 && strings.EqualFold(e.name, name):
			alike = e.number
		}
		return nil
	})
	switch {
	case equal != 0:
		return equal, nil
	case alike != 0:
		return alike, nil
	case err != nil:
		return 0, err
	}
	return 0, fmt.Errorf("look up %q in %s: %w", name, recordName(dir), fs.ErrNotExist)
}
