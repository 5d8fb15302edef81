package xfs

import "errors"

// span is the part of a log that matters.
type span struct {
	head  int64 // sector where the next record would begin
	last  *record
	clean bool // there is nothing to replay
	tail  int64
}

// window is how many sectors before the head may be written out of order.
func (l *logReader) window() int64 {
	n := int64(maxInFlight * maxRecord >> sectorShift)
	if !l.v2 {
		n = maxInFlight * maxRecordV1 >> sectorShift
	}
	return min(n, l.sectors)
}

// find finds the head of the log, its last record and its tail, as
// xlog_find_tail does.
func (l *logReader) find() (*span, error) {
	first, err := l.cycle(0)
	if err != nil {
		return nil, err
	}
	if first == 0 {
		return &span{clean: true}, nil // nothing was ever written
	}
	head, err := l.findHead(first)
	if err != nil {
		return nil, err
	}
	s := &span{head: head}
	if s.last, err = l.before(head, l.window()); err != nil {
		return nil, err
	}
	if l.end(s.last) != l.wrap(head) { // the last one was not written to its end
		s.head = s.last.sector
		if s.last, err = l.before(s.head, l.window()); err != nil {
			return nil, err
		}
	}
	s.head = l.wrap(s.head)
	if err := l.checkUUID(s.last); err != nil {
		return nil, err
	}
	if err := l.settle(s); err != nil || s.clean {
		return s, err
	}
	return s, l.verify(s)
}

// settle looks whether the last record says that there is nothing to replay, and
// where the tail is.
func (l *logReader) settle(s *span) error {
	var err error
	s.tail = sectorOf(s.last.tail)
	if s.tail >= l.sectors {
		return l.corrupt(s.last.sector, "the tail of the log would be sector %d of %d",
			s.tail, l.sectors)
	}
	s.clean = false
	if l.end(s.last) == s.head {
		s.clean, err = l.unmounted(s.last)
	}
	return err
}

func (l *logReader) checkUUID(r *record) error {
	if id := [16]byte(r.raw[304:]); id != l.f.sb.uuid && id != [16]byte{} {
		return l.corrupt(r.sector, "the log is that of another file system")
	}
	return nil
}

// findHead returns the first sector that is older than the one before it. It may
// be in a record that was not written to its end.
func (l *logReader) findHead(first uint32) (int64, error) {
	last, err := l.cycle(l.sectors - 1)
	if err != nil {
		return 0, err
	}
	head, stop := l.sectors, last-1
	if first != last {
		// A binary search finds a sector that is as old as the last one. It is about
		// the first: what is written at the same time may arrive in any order.
		low, high := int64(0), l.sectors-1
		for high-low > 1 {
			mid := (low + high) / 2
			c, err := l.cycle(mid)
			if err != nil {
				return 0, err
			}
			if c == last {
				high = mid
			} else {
				low = mid
			}
		}
		head, stop = high, last
	}
	window := l.window()
	if window > head && last != 0 {
		// What the scan would wrap to is the end of the cycle before.
		at, err := l.firstOf(l.sectors-(window-head), l.sectors, stop-1)
		if err != nil || at >= 0 {
			return at, err
		}
	}
	at, err := l.firstOf(max(0, head-window), head, stop)
	if err != nil || at < 0 {
		return head, err
	}
	return at, nil
}

// firstOf returns the first sector from one to another that has a cycle; -1: none.
func (l *logReader) firstOf(from, to int64, cycle uint32) (int64, error) {
	b := make([]byte, 64<<10)
	for at := from; at < to; {
		n := min(to-at, int64(len(b))>>sectorShift)
		if err := l.read(b[:n<<sectorShift], at); err != nil {
			return 0, err
		}
		for i := range n {
			if cycleOf(b[i<<sectorShift:]) == cycle {
				return at + i, nil
			}
		}
		at += n
	}
	return -1, nil
}

// before returns the last record that begins before a sector, and at most so
// many sectors before it.
func (l *logReader) before(sector, most int64) (*record, error) {
	const step = 64
	b := make([]byte, step<<sectorShift)
	for most = min(most, l.sectors); most > 0; {
		n := min(most, step)
		from := sector - n
		if from < 0 {
			from += l.sectors
		}
		if err := l.read(b[:n<<sectorShift], from); err != nil {
			return nil, err
		}
		for i := n - 1; i >= 0; i-- {
			if be.Uint32(b[i<<sectorShift:]) == recordMagic {
				return l.header(from + i)
			}
		}
		sector, most = from, most-n
	}
	return nil, l.corrupt(sector, "no record of the log is before it")
}

// verify looks at the checksums of the records that may have been written when
// the copy was made. The log ends before the first of them that is damaged.
func (l *logReader) verify(s *span) error {
	r := s.last
	list := []*record{r}
	for range maxInFlight - 1 {
		if r.sector == s.tail {
			break
		}
		before, err := l.before(r.sector, l.window())
		if err != nil || before.lsn >= r.lsn {
			break // the log is younger than that, or damaged: what is read of it is checked again
		}
		r = before
		list = append(list, r)
	}
	for i := len(list) - 1; i >= 0; i-- {
		_, err := l.payload(list[i])
		if err == nil {
			continue
		}
		var bad *CorruptError
		if !errors.As(err, &bad) {
			return err
		}
		if i == len(list)-1 {
			return err
		}
		l.f.note("the log ends with a record that was not written to its end: " +
			"what it changed is lost, as after a power cut")
		s.head, s.last = list[i].sector, list[i+1]
		return l.settle(s)
	}
	return nil
}
