package cache

const (
	streakReads = 3         // reads in order that make a streak
	streakBytes = 256 << 10 // or two reads in order of this much together
	firstWindow = 1 << 20   // bytes loaded ahead at first
	slackReads  = 4         // reads may be out of order by this many times their size
)

// sequential finds out whether a reader reads in order, and how far ahead of it to load. It does no
// I/O: offsets in, ranges out.
//
// Before a streak, a read counts if it starts at next or a little after it; one that lies a little
// before next (the kernel sends read-ahead out of order) changes nothing; any other starts over.
//
//	        next-slack        next        next+slack
//	─────────────|──────────────|──────────────|─────────────>
//	  start over │   no change  │    counts    │  start over
//
// In a streak everything up to front has been asked for. When half a window of it is left or less,
// the window is doubled, up to max, and asked for from there:
//
//	     behind            next                front
//	───────|─────────────────|───────────────────|──────────────|─────────>
//	 start │  no change      │ read: next moves  │    slack,    │ start over
//	 over  │  (window+slack) │                   │  next moves  │
//	                         |<── window/2 ─────>|
//	                               or less: ask  |==============| next+window
//
// Invariants: next <= front in a streak, at the latest after a read was observed; window is 0
// outside of a streak, else at most max; ranges asked for in a streak do not overlap and ascend.
type sequential struct {
	max int64 // bytes, the largest window; 0: never ask

	started bool
	reads   int   // counted
	bytes   int64 // counted
	next    int64 // where the furthest counted read ended
	front   int64 // in a streak: the end of what was asked for
	window  int64 // 0: no streak
}

// observe takes note of a read of n > 0 bytes at off of a volume of size bytes. It returns the
// range to load ahead, empty if none, and whether the reader has moved elsewhere, so that what was
// asked for before is of no use.
func (s *sequential) observe(off, n, size int64) (from, to int64, elsewhere bool) {
	end, slack := off+n, slackReads*n
	low, high := s.next-slack, s.next+slack
	if s.window > 0 {
		low, high = s.next-s.window-slack, max(s.front, s.next)+slack
	}
	switch {
	case !s.started || end <= low || off > high:
		elsewhere = s.window > 0
		*s = sequential{max: s.max, started: true, reads: 1, bytes: n, next: end}
		return 0, 0, elsewhere
	case off < s.next && (s.window == 0 || end <= s.next):
		return 0, 0, false
	}
	s.reads++
	s.bytes += n
	s.next = end
	if s.window == 0 {
		if s.max <= 0 || s.reads < streakReads && s.bytes < streakBytes {
			return 0, 0, false
		}
		s.window = min(max(firstWindow, 2*n), s.max)
		s.front = s.next
	} else if s.front-s.next > s.window/2 {
		return 0, 0, false
	} else {
		s.window = min(2*s.window, s.max)
	}
	from, to = max(s.front, s.next), min(s.next+s.window, size)
	s.front = max(from, to)
	return from, s.front, false
}

// skips tells whether a read at off would jump, in a streak, over [from, off) to where nothing was
// asked for yet.
func (s *sequential) skips(off int64) (from int64, ok bool) {
	return s.next, s.window > 0 && off > s.front
}

// skip takes note that there are only zeros up to off. A reader that jumps over them, as programs
// that use SEEK_DATA do, still reads in order.
func (s *sequential) skip(off int64) {
	s.next = max(s.next, off)
	s.front = max(s.front, off)
}
