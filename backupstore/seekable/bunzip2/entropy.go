package bunzip2

import (
	"context"
	"encoding/binary"
)

const (
	ones = 0x0101010101010101
	// maxRunDigits bounds a run: 21 digits exceed any block.
	maxRunDigits = 21
	// ctxGroups is after how many groups of symbols ctx is looked at: well
	// below a millisecond.
	ctxGroups = 1024
)

// A move is a run of copies of the entry at the front of the move-to-front list
// and then the position of the entry that moves there (or endOfBlock):
// run<<runShift | position.

const (
	moveShift = valueBits
	// batch is how many moves are decoded before they are made: the two loops
	// for themselves are faster than one, which would wait for mispredicted
	// moves with a Huffman code half read.
	batch = 1024
)

// readColumn decodes the block's symbols into s.bytes: the last column of the
// sorted matrix. It counts the bytes in s.count and returns how many there are,
// at most limit.
func (s *scratch) readColumn(ctx context.Context, r *bitReader, limit int) (int, error) {
	var m mover
	m.init(&s.header.mtf)
	clear(s.count[:])
	limit = min(limit, maxBlock)
	c := &s.codes
	c.run, c.digits, c.n = 0, 0, 0
	for g, t := range s.header.selector[:s.header.selectors] {
		if r.end-r.pos < margin {
			if err := r.fill(ctx); err != nil {
				return 0, err
			}
		}
		err := c.group(&s.trees[t], r, (*[margin]byte)(r.buf[r.pos:]))
		if c.n > batch || err != nil {
			o, bad := m.make(s, c.moves[:c.n], limit)
			if bad != nil {
				return 0, bad
			}
			if err == errEndOfBlock {
				return o, nil
			}
			if err != nil {
				return 0, err
			}
			c.n = 0
		}
		if g%ctxGroups == 0 {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
		}
	}
	return 0, fault("symbols without a selector")
}

// codes is what has been decoded and not yet moved.
type codes struct {
	run    uint64 // the run so far
	digits uint   // of it
	n      uint   // moves
	moves  [2 * batch]uint32
}

const errEndOfBlock = fault("end of block")

// group decodes the 50 symbols of one group, or fewer and then errEndOfBlock.
// in are the stored bytes at r.pos. There is no call in its loop: the compiler
// would then keep all variables in memory.
func (c *codes) group(t *tree, r *bitReader, in *[margin]byte) error {
	acc, nbits, run, digits, n := r.acc, r.nbits, c.run, c.digits, c.n
	p := uint(0)
	var err error
	for left := uint(groupSymbols); left > 0; {
		acc |= binary.BigEndian.Uint64(in[p&0xff:p&0xff+8]) >> (nbits & 63)
		p += (63 - nbits) >> 3
		nbits |= 56

		e := t.items[acc>>(64-rootBits)]
		count := uint(e>>countShift) & countMask
		if e == noItem || count > left {
			// One symbol, by the canonical form.
			v := acc >> 32
			k := t.min
			for v >= t.limit[k] {
				k++
			}
			if k > maxCodeBits {
				err = fault("bits that are no Huffman code")
				break
			}
			e = t.single[t.index[k]+uint32(v>>(32-k))-t.first[k]] | uint32(k)
			count = 1
		}
		acc <<= e & itemBits
		nbits -= uint(e & itemBits)
		left -= count
		pair := uint32(int32(e) >> 31) // all ones or zero
		x := e >> runShift
		run += uint64(x&^pair) << (digits & 31)
		k := e >> valueShift & valueMask
		if k == 0 {
			if digits += count; digits > maxRunDigits {
				err = fault("run longer than any block")
				break
			}
			continue
		}
		if run > maxBlock {
			err = fault("run longer than any block")
			break
		}
		c.moves[n%(2*batch)] = uint32(run)<<moveShift | k
		c.moves[(n+1)%(2*batch)] = x & valueMask // if it is a pair
		n += 1 + uint(pair&1)
		run, digits = 0, 0
		if k == endOfBlock {
			err = errEndOfBlock
			break
		}
	}
	r.pos += int(p)
	r.acc, r.nbits, c.run, c.digits, c.n = acc, nbits, run, digits, n
	return err
}

// mover has the move-to-front list, eight entries a word, and what of it is to
// be written out.
type mover struct {
	list    [32]uint64
	written int
	pending int // copies of the front entry that come before the next run: 1 but at the start
}

func (m *mover) init(list *[256]byte) {
	for i := range m.list {
		m.list[i] = binary.LittleEndian.Uint64(list[i*8:])
	}
}

// make makes the moves, writing to s.bytes and counting in s.count. It returns
// how many bytes there are so far, at most limit.
func (m *mover) make(s *scratch, moves []uint32, limit int) (int, error) {
	out, list := &s.bytes, &m.list
	front := list[0]
	o, pending := m.written, m.pending
	for _, v := range moves {
		// Write the front entry: once for its move, and its run.
		run := int(v>>moveShift) + pending
		if run > limit-o {
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
		pending = 1

		// Move entry k to the front.
		k := v & valueMask
		sh := k & 7 * 8
		if k < 8 {
			front = front&(^uint64(0xff)<<sh) | front&^(^uint64(0)<<sh)<<8 | front>>sh&0xff
			continue
		}
		if k == endOfBlock {
			break
		}
		q := k >> 3 & 31
		w := list[q]
		list[0] = front
		front = front<<8 | w>>sh&0xff
		list[q] = w&(^uint64(0xff)<<sh) | w&^(^uint64(0)<<sh)<<8 | list[q-1]>>56
		switch q { // a loop would mispredict its end
		case 31:
			list[30] = list[30]<<8 | list[29]>>56
			fallthrough
		case 30:
			list[29] = list[29]<<8 | list[28]>>56
			fallthrough
		case 29:
			list[28] = list[28]<<8 | list[27]>>56
			fallthrough
		case 28:
			list[27] = list[27]<<8 | list[26]>>56
			fallthrough
		case 27:
			list[26] = list[26]<<8 | list[25]>>56
			fallthrough
		case 26:
			list[25] = list[25]<<8 | list[24]>>56
			fallthrough
		case 25:
			list[24] = list[24]<<8 | list[23]>>56
			fallthrough
		case 24:
			list[23] = list[23]<<8 | list[22]>>56
			fallthrough
		case 23:
			list[22] = list[22]<<8 | list[21]>>56
			fallthrough
		case 22:
			list[21] = list[21]<<8 | list[20]>>56
			fallthrough
		case 21:
			list[20] = list[20]<<8 | list[19]>>56
			fallthrough
		case 20:
			list[19] = list[19]<<8 | list[18]>>56
			fallthrough
		case 19:
			list[18] = list[18]<<8 | list[17]>>56
			fallthrough
		case 18:
			list[17] = list[17]<<8 | list[16]>>56
			fallthrough
		case 17:
			list[16] = list[16]<<8 | list[15]>>56
			fallthrough
		case 16:
			list[15] = list[15]<<8 | list[14]>>56
			fallthrough
		case 15:
			list[14] = list[14]<<8 | list[13]>>56
			fallthrough
		case 14:
			list[13] = list[13]<<8 | list[12]>>56
			fallthrough
		case 13:
			list[12] = list[12]<<8 | list[11]>>56
			fallthrough
		case 12:
			list[11] = list[11]<<8 | list[10]>>56
			fallthrough
		case 11:
			list[10] = list[10]<<8 | list[9]>>56
			fallthrough
		case 10:
			list[9] = list[9]<<8 | list[8]>>56
			fallthrough
		case 9:
			list[8] = list[8]<<8 | list[7]>>56
			fallthrough
		case 8:
			list[7] = list[7]<<8 | list[6]>>56
			fallthrough
		case 7:
			list[6] = list[6]<<8 | list[5]>>56
			fallthrough
		case 6:
			list[5] = list[5]<<8 | list[4]>>56
			fallthrough
		case 5:
			list[4] = list[4]<<8 | list[3]>>56
			fallthrough
		case 4:
			list[3] = list[3]<<8 | list[2]>>56
			fallthrough
		case 3:
			list[2] = list[2]<<8 | list[1]>>56
			fallthrough
		case 2:
			list[1] = list[1]<<8 | list[0]>>56
			fallthrough
		case 1:
		}
	}
	list[0], m.written, m.pending = front, o, pending
	return o, nil
}
