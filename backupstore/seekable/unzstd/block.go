package unzstd

import (
	"errors"

	"github.com/klauspost/compress/huff0"
)

const (
	maxBlock        = 128 << 10
	blockHeaderSize = 3
	maxTreeDesc     = 129
)

// Block types (RFC 8878, 3.1.1.2.2).
const (
	blockRaw = iota
	blockRLE
	blockCompressed
	blockReserved
)

// Types of a literals section (RFC 8878, 3.1.1.3.1.1).
const (
	litsRaw = iota
	litsRLE
	litsTree
	litsTreeless
)

var (
	errBlockType   = errors.New("block of a reserved type")
	errBlockSize   = errors.New("block is larger than its maximum")
	errBlockShort  = errors.New("block ends inside its literals or headers")
	errLitsSize    = errors.New("more literals than a block may have")
	errLitsCount   = errors.New("literals do not have the announced size")
	errNoTree      = errors.New("literals without a Huffman tree, and none came before")
	errNoTable     = errors.New("sequences repeat a table, and none came before")
	errReserved    = errors.New("reserved bits are set")
	errNoSequences = errors.New("bytes follow a block without sequences")
)

// Bits of what a block did with inherited tables: 1<<litLen etc. and useTree.
const useTree = 3

// blockDecoder decodes compressed blocks. What one block leaves to the next is
// here: the Huffman tree, the three tables and the repeat offsets.
type blockDecoder struct {
	tree     *huff0.Scratch
	treeDesc []byte // as stored; empty when there is no tree yet
	tables   [3]table
	seqs     sequenceReader
	lits     []byte // room for decoded literals
	batch    [batch]sequence

	// inherited and defined tell, by bits, which tables the last compressed
	// block took from before, and which it set. The caller clears them.
	inherited, defined uint8
}

// reset prepares for a new frame.
func (d *blockDecoder) reset() {
	d.treeDesc = d.treeDesc[:0]
	for i := range d.tables {
		d.tables[i].desc = d.tables[i].desc[:0]
	}
	d.seqs.reps = [3]uint32{1, 4, 8}
}

// compressed decodes the block padded[bitPad:len(padded)-slack] to w, which
// has begun it. refs, when not nil, is told of the sequences.
func (d *blockDecoder) compressed(padded []byte, w *window, refs *tracker) error {
	lits, count, err := d.sections(padded, w.limit-w.start)
	if err != nil {
		return err
	}
	for ; count > 0; count = d.seqs.left {
		n, err := d.seqs.read(d.batch[:], &d.tables)
		if err != nil {
			return err
		}
		if refs != nil {
			refs.sequences(d.batch[:n], w.pos-w.start)
		}
		if lits, err = execute(w, d.batch[:n], lits); err != nil {
			return err
		}
	}
	return w.appendLast(lits)
}

// sections decodes the literals of the block padded[bitPad:len(padded)-slack]
// and makes d.seqs ready to read its count of sequences.
func (d *blockDecoder) sections(padded []byte, maxLits int) (lits []byte, count int, err error) {
	end := len(padded) - slack
	lits, n, err := d.literals(padded[bitPad:], end-bitPad, maxLits)
	if err != nil {
		return nil, 0, err
	}
	at := bitPad + n
	if count, n, err = sequenceCount(padded[at:end]); err != nil {
		return nil, 0, err
	}
	at += n
	if count == 0 {
		if at != end {
			return nil, 0, errNoSequences
		}
		return lits, 0, nil
	}
	if n, err = d.readTables(padded[at:end]); err != nil {
		return nil, 0, err
	}
	at += n
	return lits, count, d.seqs.start(padded[at-bitPad:end+bitPad], count, &d.tables)
}

// literals decodes the literals section at the start of b, of which size bytes
// belong to the block, and returns the literals, with slack bytes readable
// after them, and the section's length.
func (d *blockDecoder) literals(b []byte, size, maxLits int) (lits []byte, n int, err error) {
	if size == 0 {
		return nil, 0, errBlockShort
	}
	form, format := b[0]&3, b[0]>>2&3
	if form == litsRaw || form == litsRLE {
		var count int
		switch format {
		case 0, 2:
			count, n = int(b[0]>>3), 1
		case 1:
			count, n = int(b[0]>>4)|int(b[1])<<4, 2
		case 3:
			count, n = int(b[0]>>4)|int(b[1])<<4|int(b[2])<<12, 3
		}
		if count > maxLits {
			return nil, 0, errLitsSize
		}
		if form == litsRaw {
			if n+count > size {
				return nil, 0, errBlockShort
			}
			return b[n : n+count], n + count, nil
		}
		if n >= size {
			return nil, 0, errBlockShort
		}
		lits = d.lits[:count]
		fill(lits, b[n])
		return lits, n + 1, nil
	}
	if size < 5 {
		return nil, 0, errBlockShort
	}
	var count, stored int
	v := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 | uint64(b[4])<<32
	switch format {
	case 0, 1:
		count, stored, n = int(v>>4&0x3ff), int(v>>14&0x3ff), 3
	case 2:
		count, stored, n = int(v>>4&0x3fff), int(v>>18&0x3fff), 4
	case 3:
		count, stored, n = int(v>>4&0x3ffff), int(v>>22&0x3ffff), 5
	}
	if count > maxLits {
		return nil, 0, errLitsSize
	}
	if n+stored > size {
		return nil, 0, errBlockShort
	}
	in := b[n : n+stored]
	if form == litsTree {
		if in, err = d.readTree(in); err != nil {
			return nil, 0, err
		}
		d.defined |= 1 << useTree
	} else {
		if len(d.treeDesc) == 0 {
			return nil, 0, errNoTree
		}
		d.inherited |= 1 << useTree
	}
	if format == 0 {
		lits, err = d.tree.Decoder().Decompress1X(d.lits[:0:count], in)
	} else {
		lits, err = d.tree.Decoder().Decompress4X(d.lits[:0:count], in)
	}
	if err != nil {
		return nil, 0, err
	}
	if len(lits) != count {
		return nil, 0, errLitsCount
	}
	return d.lits[:count], n + stored, nil
}

// readTree sets the Huffman tree from its description at the start of b and
// returns what follows.
func (d *blockDecoder) readTree(b []byte) ([]byte, error) {
	d.treeDesc = d.treeDesc[:0] // a failed read leaves no tree
	tree, rest, err := huff0.ReadTable(b, d.tree)
	if err != nil {
		return nil, err
	}
	d.tree = tree
	d.treeDesc = append(d.treeDesc, b[:len(b)-len(rest)]...)
	return rest, nil
}

// sequenceCount reads the number of sequences at the start of b.
func sequenceCount(b []byte) (count, n int, err error) {
	switch {
	case len(b) >= 1 && b[0] < 128:
		return int(b[0]), 1, nil
	case len(b) >= 2 && b[0] >= 128 && b[0] < 255:
		return int(b[0]-128)<<8 | int(b[1]), 2, nil
	case len(b) >= 3 && b[0] == 255:
		return int(b[1]) + int(b[2])<<8 + 0x7f00, 3, nil
	}
	return 0, 0, errBlockShort
}

// readTables reads the modes byte and the descriptions after it.
func (d *blockDecoder) readTables(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, errBlockShort
	}
	modes := b[0]
	if modes&3 != 0 {
		return 0, errReserved
	}
	n = 1
	for i := range d.tables {
		t, mode := &d.tables[i], int(modes>>(6-2*i)&3)
		if mode == modeRepeat {
			if len(t.desc) == 0 {
				return 0, errNoTable
			}
			d.inherited |= 1 << i
			continue
		}
		used, err := t.read(&kinds[i], mode, b[n:])
		if err != nil {
			return 0, err
		}
		d.defined |= 1 << i
		n += used
	}
	return n, nil
}
