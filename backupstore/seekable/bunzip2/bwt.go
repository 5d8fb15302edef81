package bunzip2

// The inverse transform follows a permutation of the matrix's rows, each step
// a cache miss. A single chain waits for each; independent ones overlap.
//
// bzip2 gives only one starting row. But the permutation may be entered
// anywhere: every chain, from whatever row, runs into the start of some chain
// sooner or later, as following a permutation leads back to where it began. So
// many rows, evenly spread, are marked as starts and sixteen chains followed at
// a time; one that runs into a mark is a finished segment, whose successor is the
// segment that starts there, and its lane begins the next segment. Each row is
// walked once. At the end the segments are put in order, beginning with the
// one at the block's own row.

const (
	// An entry of scratch.next is row<<rowShift | byte, with the row that
	// follows. At a start it is (segmentRows+segment)<<rowShift | startFlag
	// instead, and the entry proper is in the segment.
	rowShift    = 12
	startFlag   = 1 << 8
	rowCount    = 1 << (32 - rowShift)
	maxSegments = 1024
	segmentRows = rowCount - maxSegments // beyond every row of a block

	// Sixteen lanes take 0.7 of the time of eight (1.36 against 1.96 ms a block,
	// BenchmarkStages on an ext4 image, EPYC); 24 and 32 take more than sixteen.
	lanes     = 16
	laneBytes = (maxBlock/lanes/64 + 2 | 1) * 64 // odd: the lanes must not share cache sets

	minSegment = 256
	// minInterleaved is the size below which one chain will do.
	minInterleaved = 8192
)

// segment is a part of the block between two starts.
type segment struct {
	first    uint32 // the entry at its start
	from, to int32  // scratch.bytes[from:to] are its first bytes
	row      uint32 // the row after them
	next     int32  // the segment that follows; -1: this one goes on at row
}

// link fills s.next from the last column in s.bytes[:n].
func (s *scratch) link(n int) {
	sum := uint32(0)
	for b, c := range s.count {
		s.count[b] = sum
		sum += c
	}
	for i, b := range s.bytes[:n] {
		p := s.count[b]
		s.count[b] = p + 1
		s.next[p&(rowCount-1)] = uint32(i)<<rowShift | uint32(b)
	}
}

// walk undoes the transform of the linked bytes, as many as dst has, starting
// at row origin. It overwrites s.bytes and s.next.
func (s *scratch) walk(dst []byte, origin int) {
	n := len(dst)
	if n < minInterleaved {
		s.chain(dst, uint32(origin))
		return
	}
	step := max(n/maxSegments, minSegment)
	count := min(n/step, maxSegments)
	row := origin
	for k := range count {
		s.segments[k] = segment{first: s.next[row], next: -1}
		s.next[row] = uint32(segmentRows+k)<<rowShift | startFlag
		if row += step; row >= n {
			row -= n
		}
	}
	s.walkSegments(count)
	// A cycle shorter than the block (periodic data) comes round again.
	for o, k := 0, int32(0); o < n; {
		g := &s.segments[k]
		o += copy(dst[o:], s.bytes[g.from:g.to])
		k = g.next
		if k < 0 {
			var stop uint32
			m := 0
			m, stop = s.chain(dst[o:], g.row)
			o += m
			k = int32(stop) - segmentRows
		}
	}
}

// chain follows one chain from row into dst, until dst is full or a start is
// reached. It returns how many bytes it wrote and where it stands.
func (s *scratch) chain(dst []byte, row uint32) (int, uint32) {
	for i := range dst {
		e := s.next[row&(rowCount-1)]
		row = e >> rowShift
		if e&startFlag != 0 {
			return i, row
		}
		dst[i] = byte(e)
	}
	return len(dst), row
}

// walkSegments follows the segments, sixteen at a time, lane l writing to
// s.bytes[l*laneBytes:]. It ends when a lane has none left to begin; the
// others' segments are then unfinished. Each round takes a step in each lane
// and no row is walked twice, so there are no more than laneBytes rounds.
func (s *scratch) walkSegments(count int) {
	var rows [lanes]uint32
	var lane [lanes]*segment // the segment that each lane follows
	begun := 0
	for l := range lanes {
		g := &s.segments[begun]
		begun++
		g.from = int32(l * laneBytes)
		s.bytes[g.from] = byte(g.first)
		rows[l], lane[l] = g.first>>rowShift, g
	}
	tt, out := &s.next, &s.bytes
	r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15 := rows[0], rows[1],
		rows[2], rows[3], rows[4], rows[5], rows[6], rows[7], rows[8], rows[9], rows[10], rows[11],
		rows[12], rows[13], rows[14], rows[15]
	for i := 1; i < laneBytes; i++ {
		e := tt[r0&(rowCount-1)]
		out[i] = byte(e)
		r0 = e >> rowShift
		any := e
		e = tt[r1&(rowCount-1)]
		out[laneBytes+i] = byte(e)
		r1 = e >> rowShift
		any |= e
		e = tt[r2&(rowCount-1)]
		out[2*laneBytes+i] = byte(e)
		r2 = e >> rowShift
		any |= e
		e = tt[r3&(rowCount-1)]
		out[3*laneBytes+i] = byte(e)
		r3 = e >> rowShift
		any |= e
		e = tt[r4&(rowCount-1)]
		out[4*laneBytes+i] = byte(e)
		r4 = e >> rowShift
		any |= e
		e = tt[r5&(rowCount-1)]
		out[5*laneBytes+i] = byte(e)
		r5 = e >> rowShift
		any |= e
		e = tt[r6&(rowCount-1)]
		out[6*laneBytes+i] = byte(e)
		r6 = e >> rowShift
		any |= e
		e = tt[r7&(rowCount-1)]
		out[7*laneBytes+i] = byte(e)
		r7 = e >> rowShift
		any |= e
		e = tt[r8&(rowCount-1)]
		out[8*laneBytes+i] = byte(e)
		r8 = e >> rowShift
		any |= e
		e = tt[r9&(rowCount-1)]
		out[9*laneBytes+i] = byte(e)
		r9 = e >> rowShift
		any |= e
		e = tt[r10&(rowCount-1)]
		out[10*laneBytes+i] = byte(e)
		r10 = e >> rowShift
		any |= e
		e = tt[r11&(rowCount-1)]
		out[11*laneBytes+i] = byte(e)
		r11 = e >> rowShift
		any |= e
		e = tt[r12&(rowCount-1)]
		out[12*laneBytes+i] = byte(e)
		r12 = e >> rowShift
		any |= e
		e = tt[r13&(rowCount-1)]
		out[13*laneBytes+i] = byte(e)
		r13 = e >> rowShift
		any |= e
		e = tt[r14&(rowCount-1)]
		out[14*laneBytes+i] = byte(e)
		r14 = e >> rowShift
		any |= e
		e = tt[r15&(rowCount-1)]
		out[15*laneBytes+i] = byte(e)
		r15 = e >> rowShift
		any |= e
		if any&startFlag == 0 {
			continue
		}

		// Some lanes have reached a start; what they wrote is nothing.
		rows = [lanes]uint32{r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15}
		end := false
		for l := range lanes {
			if rows[l] < segmentRows {
				continue
			}
			lane[l].to = int32(l*laneBytes + i)
			lane[l].next = int32(rows[l] - segmentRows)
			if begun == count {
				lane[l], end = nil, true
				continue
			}
			g := &s.segments[begun]
			begun++
			g.from = int32(l*laneBytes + i)
			out[g.from] = byte(g.first)
			rows[l], lane[l] = g.first>>rowShift, g
		}
		if end {
			for l, g := range lane {
				if g != nil {
					g.to, g.row = int32(l*laneBytes+i+1), rows[l]
				}
			}
			return
		}
		r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15 = rows[0], rows[1],
			rows[2], rows[3], rows[4], rows[5], rows[6], rows[7], rows[8], rows[9], rows[10],
			rows[11], rows[12], rows[13], rows[14], rows[15]
	}
}
