package materialize

import (
	"errors"

	"golang.org/x/sys/unix"
)

const (
	// A writer asks the kernel to write out what it has written whenever that is settleBytes;
	// settleBehind bounds what is being written out.
	settleBytes  = 8 << 20
	settleBehind = 32 << 20
)

// settler has the kernel write out what one writer wrote and drop it from the page cache, so that
// the last fsync is short and the cache keeps what other programs use. It guarantees nothing;
// Target.sync does. It belongs to one goroutine.
type settler struct {
	t        *Target
	off, end int64   // written by the writer, not yet being written out
	onWay    []Range // being written out
	onWayN   int64
}

// wrote records a write and may wait for earlier ones.
func (s *settler) wrote(off, n int64) error {
	if s.end > s.off && (off < s.end || off+n-s.off > 2*settleBytes) {
		if err := s.start(); err != nil {
			return err
		}
	}
	if s.end == s.off {
		s.off = off
	}
	s.end = off + n
	if s.end-s.off < settleBytes {
		return nil
	}
	return s.start()
}

// start asks the kernel to write out the range gathered so far.
func (s *settler) start() error {
	if s.end == s.off {
		return nil
	}
	r := Range{Off: s.off, Len: s.end - s.off}
	s.off, s.end = 0, 0
	if err := s.t.syncRange(r, unix.SYNC_FILE_RANGE_WRITE); err != nil {
		return err
	}
	s.onWay, s.onWayN = append(s.onWay, r), s.onWayN+r.Len
	for s.onWayN > settleBehind {
		if err := s.finish(); err != nil {
			return err
		}
	}
	return nil
}

// finish waits for the oldest range and drops it from the page cache.
func (s *settler) finish() error {
	r := s.onWay[0]
	s.onWay, s.onWayN = s.onWay[1:], s.onWayN-r.Len
	if err := s.t.syncRange(r,
		unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|
			unix.SYNC_FILE_RANGE_WAIT_AFTER); err != nil {
		return err
	}
	s.t.dropCache(r)
	return nil
}

// drain waits until everything has been written out.
func (s *settler) drain() error {
	if err := s.start(); err != nil {
		return err
	}
	for len(s.onWay) > 0 {
		if err := s.finish(); err != nil {
			return err
		}
	}
	return nil
}

func (t *Target) syncRange(r Range, flags int) error {
	err := ignoringEINTR(func() error { return unix.SyncFileRange(t.fd(), r.Off, r.Len, flags) })
	if err == nil || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP) ||
		errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ESPIPE) {
		return nil
	}
	return &TargetError{Target: t.path, Op: "flush", Off: r.Off, Len: r.Len, Err: err}
}

// distrustCache drops the page cache so that a comparison reads the device. Cached pages may differ
// from it: other programs may write past the cache, and after a failed write the kernel keeps pages
// as clean that never reached the device. Comparing with those would skip what has to be written.
func (t *Target) distrustCache() {
	if t.kind == KindDevice || t.continues != nil {
		t.dropCache(Range{})
	}
}

// dropCache drops clean pages of a range from the page cache, or all if r is empty. It is a hint to
// the kernel, so its failure does not matter.
func (t *Target) dropCache(r Range) {
	_ = unix.Fadvise(t.fd(), r.Off, r.Len, unix.FADV_DONTNEED)
}
