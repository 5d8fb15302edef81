//go:build !purego && (amd64 || arm64 || loong64 || ppc64le)

package inflate

import "unsafe"

// The hot loop. It follows libdeflate's: a 64 bit buffer that is refilled
// without a branch, up to three literals between refills, the next entry
// loaded before the copy of a match starts.
//
// It loads words as the processor has them, from any address. So it is built
// only for processors that are little-endian and to which an address that is not
// aligned costs nothing much; careful.go serves all others.
//
// Why the unsafe accesses stay inside their buffers:
//
//   - Input. An iteration refills at most four times, by at most 7 bytes
//     each, and a refill loads 8 bytes. It starts with fastMargin bytes behind
//     inp, so that it loads only bytes that are there.
//   - Output. An iteration starts before stop. It writes at most three bytes of
//     literals and a match of at most 258, whose copy rounds up to less than
//     64 behind it: outMargin, which out has behind every stop.
//   - History. A match is copied only if its distance is at most the number of
//     bytes between low and outp, or, when a checkpoint records, at most history
//     bytes more, which is what out holds before low.
//   - Tables. Indices are masked to the root, or come from subtable pointers that
//     build has put there.
const (
	haveFast   = true
	fastMargin = 40
)

func load64(p unsafe.Pointer) uint64     { return *(*uint64)(p) }
func store64(p unsafe.Pointer, v uint64) { *(*uint64)(p) = v }
func copy16(dst, src unsafe.Pointer)     { *(*[16]byte)(dst) = *(*[16]byte)(src) }

func litEntry(t *tables, i uint64) uint32 {
	return *(*uint32)(unsafe.Add(unsafe.Pointer(&t.lit), i*4))
}

func distEntry(t *tables, i uint64) uint32 {
	return *(*uint32)(unsafe.Add(unsafe.Pointer(&t.dist), i*4))
}

// fast decodes symbols until pos reaches stop, the block ends, a long run was
// passed (c.run), or fewer than fastMargin bytes of input are left. It needs
// fastMargin bytes of input to start.
func (c *core) fast(stop int) (wrong string) {
	inBase := unsafe.Pointer(unsafe.SliceData(c.in.buf))
	inp := unsafe.Add(inBase, c.in.pos)
	inEnd := unsafe.Add(inBase, len(c.in.buf)-fastMargin)
	outBase := unsafe.Pointer(unsafe.SliceData(c.out))
	outp := unsafe.Add(outBase, c.pos)
	outEnd := unsafe.Add(outBase, stop)
	low := uintptr(outBase) + uintptr(c.low())
	t := c.tab
	bits, left := c.in.bits, uint64(c.in.nb)

	const (
		litMask  = 1<<litBits - 1
		distMask = 1<<distBits - 1
	)
	bits |= load64(inp) << (left & 63)
	inp = unsafe.Add(inp, 7-(left>>3)&7)
	left |= 56
	e := litEntry(t, bits&litMask)
	for {
		saved := bits
		bits >>= e & 63
		left -= uint64(e)
		if int32(e) < 0 {
			*(*byte)(outp) = byte(e >> 16)
			e = litEntry(t, bits&litMask)
			saved = bits
			bits >>= e & 63
			left -= uint64(e)
			if int32(e) < 0 {
				*(*byte)(unsafe.Add(outp, 1)) = byte(e >> 16)
				e = litEntry(t, bits&litMask)
				saved = bits
				bits >>= e & 63
				left -= uint64(e)
				if int32(e) < 0 {
					*(*byte)(unsafe.Add(outp, 2)) = byte(e >> 16)
					outp = unsafe.Add(outp, 3)
					e = litEntry(t, bits&litMask)
					bits |= load64(inp) << (left & 63)
					inp = unsafe.Add(inp, 7-(left>>3)&7)
					left |= 56
					if uintptr(outp) < uintptr(outEnd) && uintptr(inp) <= uintptr(inEnd) {
						continue
					}
					break
				}
				outp = unsafe.Add(outp, 1)
			}
			outp = unsafe.Add(outp, 1)
		}
		if e&flagExceptional != 0 {
			if e&flagSubtable != 0 {
				e = litEntry(t, subtable(e, bits))
				saved = bits
				bits >>= e & 63
				left -= uint64(e)
				if int32(e) < 0 {
					*(*byte)(outp) = byte(e >> 16)
					outp = unsafe.Add(outp, 1)
					bits |= load64(inp) << (left & 63)
					inp = unsafe.Add(inp, 7-(left>>3)&7)
					left |= 56
					e = litEntry(t, bits&litMask)
					if uintptr(outp) < uintptr(outEnd) && uintptr(inp) <= uintptr(inEnd) {
						continue
					}
					break
				}
			}
			if e&flagExceptional != 0 {
				if e&flagEnd == 0 {
					wrong = badSymbol
				} else {
					c.endBlock()
				}
				break
			}
		}
		length := matchLength(e, saved&(1<<(e&63)-1)>>((e-e>>25)&63))

		d := distEntry(t, bits&distMask)
		bits |= load64(inp) << (left & 63)
		inp = unsafe.Add(inp, 7-(left>>3)&7)
		left |= 56
		if d&flagExceptional != 0 {
			if d&flagSubtable == 0 {
				wrong = badSymbol
				break
			}
			bits >>= distBits
			left -= distBits
			d = distEntry(t, subtable(d, bits))
			// Never: a code that needs a subtable is complete, and dynamic blocks have no symbol
			// without a meaning. The pointers below depend on it.
			if d&flagExceptional != 0 {
				wrong = badSymbol
				break
			}
		}
		dist := matchDistance(d, bits&(1<<(d&63)-1)>>((d-d>>16)&63))
		bits >>= d & 63
		left -= uint64(d)
		if avail := uint64(uintptr(outp) - low); dist > avail &&
			!c.note(int(dist-avail), int(length)) {
			wrong = badDistance
			break
		}
		e = litEntry(t, bits&litMask)
		bits |= load64(inp) << (left & 63)
		inp = unsafe.Add(inp, 7-(left>>3)&7)
		left |= 56

		src := unsafe.Add(outp, -int(dist))
		dst := outp
		outp = unsafe.Add(outp, length)
		if dist >= 16 {
			copy16(dst, src)
			copy16(unsafe.Add(dst, 16), unsafe.Add(src, 16))
			for n := int(length) - 32; n > 0; n -= 32 {
				dst = unsafe.Add(dst, 32)
				src = unsafe.Add(src, 32)
				copy16(dst, src)
				copy16(unsafe.Add(dst, 16), unsafe.Add(src, 16))
			}
		} else if dist == 1 {
			v := uint64(*(*byte)(src)) * 0x0101010101010101
			for {
				store64(dst, v)
				store64(unsafe.Add(dst, 8), v)
				dst = unsafe.Add(dst, 16)
				if uintptr(dst) >= uintptr(outp) {
					break
				}
			}
			if length == matchMax && e>>16 == matchMax {
				// Likely the same match again and again: as long as its bits
				// repeat, only count.
				period := uint64(e & 63)
				if d := distEntry(t, bits>>period&distMask); d>>16 == 0 { // 1
					period += uint64(d & 63)
					mask := uint64(1)<<(period&63) - 1
					again := bits & mask
					start := outp
					for bits&mask == again && uintptr(outp) < uintptr(outEnd) &&
						uintptr(inp) <= uintptr(inEnd) {
						bits >>= period & 63
						left -= period
						bits |= load64(inp) << (left & 63)
						inp = unsafe.Add(inp, 7-(left>>3)&7)
						left |= 56
						outp = unsafe.Add(outp, matchMax)
					}
					if start != outp {
						c.run = run{int(uintptr(start) - uintptr(outBase)),
							int(uintptr(outp) - uintptr(outBase))}
						break
					}
				}
			}
		} else {
			// Each copy doubles the part that repeats.
			for dist < 16 {
				copy16(dst, src)
				dst = unsafe.Add(dst, dist)
				dist += dist
			}
			for uintptr(dst) < uintptr(outp) {
				copy16(dst, src)
				dst = unsafe.Add(dst, 16)
				src = unsafe.Add(src, 16)
			}
		}
		if uintptr(outp) >= uintptr(outEnd) || uintptr(inp) > uintptr(inEnd) {
			break
		}
	}
	c.pos = int(uintptr(outp) - uintptr(outBase))
	c.in.pos = int(uintptr(inp) - uintptr(inBase))
	c.in.bits, c.in.nb = bits, uint(left&255)
	c.in.unload()
	return wrong
}

// refill is the refill of the loop below.
func refill(bits, left uint64, inp unsafe.Pointer) (uint64, uint64, unsafe.Pointer) {
	return bits | load64(inp)<<(left&63), left | 56, unsafe.Add(inp, 7-(left>>3)&7)
}

// fast16 is fast for a decoder that does not know its history: it decodes
// into out16, where values from 256 on stand for bytes of the unknown window.
// There is always a whole window before pos, so that every distance is good, and
// runs are not told apart.
func (c *core) fast16(stop int) (wrong string) {
	inBase := unsafe.Pointer(unsafe.SliceData(c.in.buf))
	inp := unsafe.Add(inBase, c.in.pos)
	inEnd := unsafe.Add(inBase, len(c.in.buf)-fastMargin)
	outBase := unsafe.Pointer(unsafe.SliceData(c.out16))
	outp := unsafe.Add(outBase, 2*c.pos)
	outEnd := unsafe.Add(outBase, 2*stop)
	t := c.tab
	bits, left := c.in.bits, uint64(c.in.nb)

	const (
		litMask  = 1<<litBits - 1
		distMask = 1<<distBits - 1
	)
	bits, left, inp = refill(bits, left, inp)
	e := litEntry(t, bits&litMask)
	for uintptr(outp) < uintptr(outEnd) && uintptr(inp) <= uintptr(inEnd) {
		saved := bits
		bits >>= e & 63
		left -= uint64(e)
		if int32(e) < 0 {
			*(*uint16)(outp) = uint16(e >> 16 & 255)
			outp = unsafe.Add(outp, 2)
			e = litEntry(t, bits&litMask)
			saved = bits
			bits >>= e & 63
			left -= uint64(e)
			if int32(e) < 0 {
				*(*uint16)(outp) = uint16(e >> 16 & 255)
				outp = unsafe.Add(outp, 2)
				e = litEntry(t, bits&litMask)
				bits, left, inp = refill(bits, left, inp)
				continue
			}
		}
		if e&flagExceptional != 0 {
			if e&flagSubtable != 0 {
				e = litEntry(t, subtable(e, bits))
				saved = bits
				bits >>= e & 63
				left -= uint64(e)
				if int32(e) < 0 {
					*(*uint16)(outp) = uint16(e >> 16 & 255)
					outp = unsafe.Add(outp, 2)
					bits, left, inp = refill(bits, left, inp)
					e = litEntry(t, bits&litMask)
					continue
				}
			}
			if e&flagExceptional != 0 {
				if e&flagEnd == 0 {
					wrong = badSymbol
				} else {
					c.endBlock()
				}
				break
			}
		}
		length := matchLength(e, saved&(1<<(e&63)-1)>>((e-e>>25)&63))

		d := distEntry(t, bits&distMask)
		bits, left, inp = refill(bits, left, inp)
		if d&flagExceptional != 0 {
			if d&flagSubtable == 0 {
				wrong = badSymbol
				break
			}
			bits >>= distBits
			left -= distBits
			d = distEntry(t, subtable(d, bits))
			// Never: a code that needs a subtable is complete, and dynamic blocks have no symbol
			// without a meaning. The pointers below depend on it.
			if d&flagExceptional != 0 {
				wrong = badSymbol
				break
			}
		}
		dist := matchDistance(d, bits&(1<<(d&63)-1)>>((d-d>>16)&63))
		bits >>= d & 63
		left -= uint64(d)
		e = litEntry(t, bits&litMask)
		bits, left, inp = refill(bits, left, inp)

		dist *= 2
		src := unsafe.Add(outp, -int(dist))
		dst := outp
		outp = unsafe.Add(outp, 2*length)
		for dist < 16 {
			copy16(dst, src)
			dst = unsafe.Add(dst, dist)
			dist += dist
		}
		copy16(dst, src)
		for dst = unsafe.Add(dst, 16); uintptr(dst) < uintptr(outp); dst = unsafe.Add(dst, 16) {
			src = unsafe.Add(src, 16)
			copy16(dst, src)
		}
	}
	c.pos = int(uintptr(outp)-uintptr(outBase)) / 2
	c.in.pos = int(uintptr(inp) - uintptr(inBase))
	c.in.bits, c.in.nb = bits, uint(left&255)
	c.in.unload()
	return wrong
}
