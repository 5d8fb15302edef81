package bunzip2

import (
	"context"
	"encoding/binary"
)

const (
	ones = 0x0101010101010101
	// maxRun bounds the digits of a run: 21 of them exceed any block.
	maxRunDigits = 21
	// ctxGroups is after how many groups of symbols ctx is looked at: well
	// below a millisecond.
	ctxGroups = 1024
)

// readColumn decodes the block's symbols into s.bytes: the last column of the
// sorted matrix. It counts the bytes in s.count and returns how many there are,
// at most limit.
//
// The move-to-front list is kept eight entries a word, the first word in a
// register: positions below eight, 19 of 20 in disk images, need no memory.
// The entry at the front is written out together with the run that follows it.
func (s *scratch) readColumn(ctx context.Context, r *bitReader, limit int) (int, error) {
	h := &s.header
	var list [32]uint64
	for i := range list {
		list[i] = binary.LittleEndian.Uint64(h.mtf[i*8:])
	}
	clear(s.count[:])
	out := &s.bytes
	front := list[0]
	o := 0            // bytes written
	run := 0          // copies of the front entry to be written next
	digits := uint(0) // digits of the run so far
	limit = min(limit, maxBlock)

	buf, pos, acc, nbits := r.buf, r.pos, r.acc, r.nbits
	for g := range h.selectors {
		if r.end-pos < margin || g%ctxGroups == 0 {
			r.pos, r.acc, r.nbits = pos, acc, nbits
			if err := r.fill(ctx); err != nil {
				return 0, err
			}
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			buf, pos = r.buf, r.pos
		}
		t := &s.trees[h.selector[g]]
		for left := uint(groupSymbols); left > 0; {
			acc |= binary.BigEndian.Uint64(buf[pos:]) >> (nbits & 63)
			pos += int((63 - nbits) >> 3)
			nbits |= 56

			e := t.items[acc>>(64-rootBits)]
			count := uint(e>>countShift) & countMask
			if e == noItem || count > left {
				if e = t.one(acc); e == noItem {
					r.pos, r.acc, r.nbits = pos, acc, nbits
					return 0, fault("bits that are no Huffman code")
				}
				count = 1
			}
			acc <<= e & itemBits
			nbits -= uint(e & itemBits)
			left -= count
			run += int(e>>runShift) << (digits & 31)
			k := e >> valueShift & valueMask
			if k == 0 {
				if digits += count; digits > maxRunDigits {
					r.pos, r.acc, r.nbits = pos, acc, nbits
					return 0, fault("run longer than any block")
				}
				continue
			}

			// Write the front entry and its run.
			if run > limit-o {
				r.pos, r.acc, r.nbits = pos, acc, nbits
				return 0, fault("more bytes than the block may hold")
			}
			b := byte(front)
			fill := uint64(b) * ones
			binary.LittleEndian.PutUint64(out[o:o+8], fill)
			binary.LittleEndian.PutUint64(out[o+8:o+16], fill)
			for i := 16; i < run; i += 8 {
				binary.LittleEndian.PutUint64(out[o+i:o+i+8], fill)
			}
			o += run
			s.count[b] += uint32(run)
			run, digits = 1, 0

			// Move entry k to the front.
			if k < 8 {
				sh := k * 8 & 63
				front = front&(^uint64(0xff)<<sh) | front&^(^uint64(0)<<sh)<<8 | front>>sh&0xff
				continue
			}
			if k == endOfBlock {
				r.pos, r.acc, r.nbits = pos, acc, nbits
				return o, nil
			}
			q := k >> 3 & 31
			sh := k & 7 * 8
			w := list[q]
			carry := front >> 56
			front = front<<8 | w>>sh&0xff
			for i := uint32(1); i < q; i++ {
				v := list[i&31]
				list[i&31] = v<<8 | carry
				carry = v >> 56
			}
			list[q] = w&(^uint64(0xff)<<sh) | w&^(^uint64(0)<<sh)<<8 | carry
		}
	}
	r.pos, r.acc, r.nbits = pos, acc, nbits
	return 0, fault("symbols without a selector")
}
