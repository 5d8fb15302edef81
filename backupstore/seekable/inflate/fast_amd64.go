//go:build !purego

package inflate

import (
	"slices"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// hasLoop says whether this processor has what loopBMI2 uses.
var hasLoop = cpu.X86.HasBMI1 && cpu.X86.HasBMI2 && cpu.X86.HasAVX

// loop is the state of a core as loopBMI2 takes and leaves it.
type loop struct {
	in, inEnd   unsafe.Pointer // next byte of input; behind inEnd no iteration begins
	out, outEnd unsafe.Pointer // next byte of output; from outEnd on no iteration begins
	low         unsafe.Pointer // index low of core.out
	tab         *tables
	bits, left  uint64
	history     uint64         // bytes before low that a match may refer to if it is noted
	refs        unsafe.Pointer // where the next note goes; there is room for all
	run         unsafe.Pointer // set to where a run begins that out has passed
}

// loopEnd says why a loop has ended.
type loopEnd uint8

const (
	loopMore loopEnd = iota // at a limit, or behind a run
	loopEndOfBlock
	loopBadSymbol
	loopBadDistance
)

// loopBMI2 is the loop of fast, for processors with BMI2.
//
//go:noescape
func loopBMI2(l *loop) (end loopEnd)

// refsRoom is how many notes the loop needs room for that begins so many bytes behind low. A match
// takes three bytes, and reaches beyond low only within a window behind it. One more is never used:
// a pointer just behind all of them would be one into other memory, at which the garbage collector
// ends the program where that is free.
func refsRoom(behind int) int { return max(0, windowBytes-behind)/3 + 2 }

// fastest is fast by the loop for this processor. It needs hasLoop.
func (c *core) fastest(stop int) (wrong string) {
	inBase := unsafe.Pointer(unsafe.SliceData(c.in.buf))
	outBase := unsafe.Pointer(unsafe.SliceData(c.out))
	low := c.low()
	l := loop{
		in: unsafe.Add(inBase, c.in.pos), inEnd: unsafe.Add(inBase, len(c.in.buf)-fastMargin),
		out: unsafe.Add(outBase, c.pos), outEnd: unsafe.Add(outBase, stop),
		low: unsafe.Add(outBase, low), tab: c.tab,
		bits: c.in.bits, left: uint64(c.in.nb),
	}
	m := c.marks
	if m != nil && m.recording {
		l.history = uint64(m.history)
		m.refs = slices.Grow(m.refs, refsRoom(c.pos-low))
		l.refs = unsafe.Pointer(unsafe.SliceData(m.refs[len(m.refs):cap(m.refs)]))
	}
	end := loopBMI2(&l)
	c.pos = int(uintptr(l.out) - uintptr(outBase))
	c.in.pos = int(uintptr(l.in) - uintptr(inBase))
	c.in.bits, c.in.nb = l.bits, uint(l.left&255)
	c.in.unload()
	if l.history > 0 {
		first := unsafe.Pointer(unsafe.SliceData(m.refs))
		m.refs = m.refs[:(uintptr(l.refs)-uintptr(first))/unsafe.Sizeof(ref{})]
	}
	if l.run != nil {
		c.run = run{int(uintptr(l.run) - uintptr(outBase)), c.pos}
	}
	switch end {
	case loopEndOfBlock:
		c.endBlock()
	case loopBadSymbol:
		return badSymbol
	case loopBadDistance:
		return badDistance
	}
	return ""
}
