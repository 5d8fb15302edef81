//go:build purego || !(amd64 || arm64 || loong64 || ppc64le)

package unzstd

import "encoding/binary"

// execute appends the sequences' output to w and returns the literals that are
// left.
func execute(w *window, seqs []sequence, lits []byte) (left []byte, err error) {
	for _, s := range seqs {
		if lits, err = executeOne(w, s, lits); err != nil {
			return nil, err
		}
	}
	return lits, nil
}

// bitBase is the bit stream with bitPad bytes before and after it.
type bitBase = []byte

func newBitBase(b []byte) bitBase { return b }

// topBits returns the bits below pos, 56 of them at least, from the top bit down.
func topBits(base bitBase, pos int) uint64 {
	return binary.LittleEndian.Uint64(base[pos>>3-7+bitPad:]) << 1 << (^pos & 7)
}

// bitsAt returns the bits from pos upwards, 57 of them at least.
func bitsAt(base bitBase, pos int) uint64 { return load64(base, pos) }
