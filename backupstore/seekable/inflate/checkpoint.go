package inflate

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// The State of a checkpoint:
//
//	uvarint  how many bits before In the header of the block is in which
//	         decoding resumes; 0 if a header is at In
//	window   sparse window (stream.AppendWindow) of the last 32 KiB before
//	         Out, of Out bytes if Out is less
//
// The sparse window has the bytes that are referred to by what follows, as
// found by decoding the 32 KiB behind Out (farther matches cannot reach it).

const (
	// DefaultSpacing is the number of decoded bytes between checkpoints if
	// Options does not say.
	DefaultSpacing = 512 << 10
	// minSpacing leaves room for a checkpoint's recording to end before the
	// next begins.
	minSpacing = 2 * windowBytes

	// zerosMin is the shortest run of zeros that is reported, and joinMax the
	// longest stretch between runs that is compared with zero to join them.
	zerosMin = 64 << 10
	joinMax  = 4 << 10

	never = math.MaxInt64 / 2 // an offset that is not reached
)

// ref is a reference to the window of the checkpoint that records: the match
// begins beyond+1 bytes before the checkpoint.
type ref struct{ beyond, length uint16 }

// marks places checkpoints: at the first block boundary behind soft, else
// anywhere behind hard. A checkpoint is reported when windowBytes have been
// decoded behind it, or the stream has ended.
type marks struct {
	observer   stream.Observer
	spacing    int64
	soft, hard int64 // decoded offsets

	recording bool
	at        stream.Checkpoint // State is still missing
	header    int64             // bits from the block's header to at.In
	history   int               // bytes of window
	window    [windowBytes]byte // its end is at at.Out
	refs      []ref

	quiet              bool  // decoding again: zeros have been reported
	zeroStart, zeroEnd int64 // the run of zeros not reported yet
}

func newMarks(opt Options) *marks {
	spacing := opt.Spacing
	if spacing == 0 {
		spacing = DefaultSpacing
	}
	m := &marks{observer: opt.Observer, spacing: max(spacing, minSpacing)}
	m.placeAfter(0)
	return m
}

// placeAfter sets the place for the checkpoint that follows one at out.
func (m *marks) placeAfter(out int64) {
	m.soft = out + m.spacing - m.spacing/16
	m.hard = out + m.spacing + m.spacing/4
}

// step is called between symbols, with c.pos before limit. It takes a
// checkpoint if one is due, reports one that is complete, and returns where to
// stop next.
func (m *marks) step(c *core, limit int) int {
	at := c.offset()
	if m.recording && at-m.at.Out >= windowBytes {
		m.report()
	}
	if m.zeroEnd > 0 && at-m.zeroEnd > joinMax {
		m.flushZeros()
		m.zeroStart, m.zeroEnd = 0, 0
	}
	if !m.recording && (at >= m.hard || at >= m.soft && c.state == atHeader) {
		m.take(c, at)
	}
	if m.hard > at && m.hard-c.base < int64(limit) {
		return int(m.hard - c.base)
	}
	return limit
}

func (m *marks) take(c *core, at int64) {
	header := c.in.bit()
	if c.state != atHeader {
		header = c.header
	}
	m.takeAt(c, at, header, c.in.bit())
}

// takeAt takes a checkpoint at the given bits of the input.
func (m *marks) takeAt(c *core, at, header, in int64) {
	m.recording = true
	m.at = stream.Checkpoint{In: in, Out: at}
	m.header = in - header
	m.history = int(min(at-c.from, windowBytes))
	copy(m.window[windowBytes-m.history:], c.out[c.pos-m.history:c.pos])
	m.refs = m.refs[:0]
	m.placeAfter(at)
}

// end reports what is pending at the end of the stream.
func (m *marks) end() {
	if m.recording {
		m.report()
	}
	m.flushZeros()
}

func (m *marks) report() {
	m.recording = false
	m.flushZeros()
	var used [windowBytes / 64]uint64
	for _, r := range m.refs {
		start := windowBytes - 1 - uint(r.beyond)
		setBits(&used, start, min(start+uint(r.length), windowBytes))
	}
	base := uint(windowBytes) - uint(min(m.at.Out, windowBytes))
	state := binary.AppendUvarint(make([]byte, 0, 4<<10), uint64(m.header))
	state = stream.AppendWindow(state, m.window[base:], ranges(&used, base))
	m.at.State = state
	m.observer.Checkpoint(m.at)
	m.at.State = nil
}

// zeros notes that the run has been filled with zeros.
func (m *marks) zeros(c *core, r run) {
	if m.quiet {
		return
	}
	start, end := c.base+int64(r.start), c.base+int64(r.end)
	m.postpone(end - start)
	if gap := start - m.zeroEnd; m.zeroEnd == 0 || gap > joinMax || gap > int64(r.start) ||
		!allZero(c.out[r.start-int(gap):r.start]) {
		m.flushZeros()
		m.zeroStart = start
	}
	m.zeroEnd = end
}

// postpone puts the next checkpoint off because of n zeros, which cost next
// to nothing to decode again.
func (m *marks) postpone(n int64) {
	m.soft += n * 7 / 8
	m.hard += n * 7 / 8
}

// flushZeros reports the run of zeros so far.
func (m *marks) flushZeros() {
	if n := m.zeroEnd - m.zeroStart; n >= zerosMin {
		m.observer.Zeros(m.zeroStart, n)
		m.zeroStart = m.zeroEnd
	}
}

func allZero(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}

// setBits sets the bits [i, end).
func setBits(b *[windowBytes / 64]uint64, i, end uint) {
	for i < end {
		n := min(64-i%64, end-i)
		b[i/64] |= (1<<n - 1) << (i % 64)
		i += n
	}
}

// ranges lists the runs of set bits, counted from base. Gaps that cost more to describe
// than to include are included.
func ranges(b *[windowBytes / 64]uint64, base uint) (list []stream.Range) {
	for i := base; i < windowBytes; {
		w := b[i/64] >> (i % 64)
		if w == 0 {
			i = (i/64 + 1) * 64
			continue
		}
		i += uint(bits.TrailingZeros64(w))
		start := i
		for i < windowBytes {
			n := uint(bits.TrailingZeros64(^(b[i/64] >> (i % 64))))
			if n = min(n, 64-i%64); n == 0 {
				break
			}
			i += n
		}
		if k := len(list) - 1; k >= 0 && int(start-base)-list[k].Off-list[k].Len < 2 {
			list[k].Len = int(i-base) - list[k].Off
			continue
		}
		list = append(list, stream.Range{Off: int(start - base), Len: int(i - start)})
	}
	return list
}
