package ntfs

const (
	entryChild = 1  // a flag of an entry: a block with what comes before it is below
	entryLast  = 2  // one of an entry that has no name
	nameHead   = 66 // bytes of a file's name before it
	spaceDOS   = 2  // names that are short ones of others

	noBlock = 1<<64 - 1 // a number that no block of an index has
)

// entry is an entry of a directory.
type entry struct {
	number   uint64
	sequence uint16
	name     string
	flags    uint32 // as of a file's information
}

// nodeEntry is an entry of a node of an index, as it is there.
type nodeEntry struct {
	b    []byte
	name []byte // with what comes before it; nil: the last entry, which has none
}

// entry returns what it says of a file.
func (e nodeEntry) entry() entry {
	ref := le.Uint64(e.b)
	return entry{
		number: ref & recordNumbers, sequence: uint16(ref >> numberBits),
		name: wideName(e.wide()), flags: le.Uint32(e.name[56:]),
	}
}

// wide returns the name in UTF-16.
func (e nodeEntry) wide() []byte { return e.name[nameHead:] }

// short says whether the name is a short one of a file that has another.
func (e nodeEntry) short() bool { return e.name[65] == spaceDOS }

// child returns the number of the block with what comes before the entry; ok says that there
// is one.
func (e nodeEntry) child() (number uint64, ok bool) {
	if le.Uint16(e.b[12:])&entryChild == 0 {
		return 0, false
	}
	if len(e.b) < 24 {
		return noBlock, true
	}
	return le.Uint64(e.b[len(e.b)-8:]), true
}

// nodeEntries calls fn for the entries of a node of an index, whose head b begins with, until it
// returns an error.
func nodeEntries(b []byte, where string, fn func(nodeEntry) error) error {
	at, end := uint64(le.Uint32(b)), uint64(le.Uint32(b[4:]))
	if end > uint64(len(b)) || at < 16 || at > end {
		return corrupt(where, "its entries are from byte %d to %d of %d", at, end, len(b))
	}
	for b = b[at:end]; len(b) >= 16; {
		length, key := int(le.Uint16(b[8:])), int(le.Uint16(b[10:]))
		if le.Uint16(b[12:])&entryLast != 0 {
			if length < 16 || length > len(b) {
				length = 16 // enough for all who ask not for what is below it
			}
			return fn(nodeEntry{b: b[:length]})
		}
		if length < 16+key || length > len(b) || key < nameHead {
			return corrupt(where, "an entry of %d bytes with a name of %d", length, key)
		}
		name := b[16:][:key]
		nameBytes := 2 * int(name[64])
		if nameHead+nameBytes > key {
			return corrupt(where, "a name of %d bytes in %d", nameBytes, key)
		}
		if err := fn(nodeEntry{b[:length], name[:nameHead+nameBytes]}); err != nil {
			return err
		}
		b = b[length:]
	}
	return corrupt(where, "its entries have no end")
}
