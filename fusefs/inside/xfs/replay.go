package xfs

import (
	"errors"
	"fmt"
	"strings"
)

// Kinds of items of a transaction (xfs_log_format.h).
const (
	itemEFI       = 0x1236 // free extents: of no concern to who reads
	itemEFD       = 0x1237
	itemInode     = 0x123b
	itemBuffer    = 0x123c
	itemQuota     = 0x123d
	itemQuotaOff  = 0x123e
	itemICreate   = 0x123f
	itemRUI       = 0x1240 // who owns extents
	itemCUD       = 0x1243
	itemBUI       = 0x1244 // extents of a file
	itemBUD       = 0x1245
	itemATTRI     = 0x1246 // attributes
	itemATTRD     = 0x1247
	itemXMI       = 0x1248 // extents that two files exchange
	itemXMD       = 0x1249
	itemFreeRT    = 0x124a // as the first ones, for a realtime device
	itemLastKnown = 0x124f
)

// useLog replays the log in memory, if that has to be done and is wanted.
func (f *FS) useLog(opt Options) error {
	if !opt.NoReplay {
		if err := f.replay(opt); err != nil {
			return fmt.Errorf("%w, and they cannot be used: %w", ErrLogDirty, err)
		}
		return nil
	}
	why := "as asked"
	if _, s, err := f.findLog(); err != nil {
		why = err.Error()
	} else if s.clean {
		f.info.Journal = "clean"
		return nil
	}
	f.info.Journal = "not replayed: " + why
	f.note("the log was not replayed: " +
		"what is shown is older than the backup, and may contradict itself")
	return nil
}

func (f *FS) findLog() (*logReader, *span, error) {
	l, err := f.openLog()
	if err != nil {
		return nil, nil, err
	}
	s, err := l.find()
	switch {
	case err != nil:
	case s.last == nil:
		f.newest = 1 << 32 // as mkfs.xfs leaves it
	default:
		f.newest = s.last.lsn>>32<<32 | uint64(s.head)
		if s.head == 0 { // the next cycle begins there
			f.newest += 1 << 32
		}
	}
	return l, s, err
}

// replay replays the log.
func (f *FS) replay(opt Options) error {
	l, s, err := f.findLog()
	if err != nil {
		return err
	}
	if s.clean {
		f.info.Journal = "clean"
		return nil
	}
	if more := f.sb.logIncompat &^ incompatLogXattrs; more != 0 {
		return fmt.Errorf("it was written with features that are not known here: %s",
			strings.Join(words(more, logNames, "log_incompat"), ", "))
	}
	r := &replayer{
		f: f, l: l, over: newOverlay(opt.JournalBytes), base: newCache(minCache),
		cancelled: map[extentKey]int{}, intents: map[uint64]intent{},
	}
	pieces := int(opt.JournalBytes / 2 / pieceBytes)
	err = r.walk(s, pieces, r.cancels)
	for range maxMoves {
		var bad *badRecord
		if !errors.As(err, &bad) || !l.moveTail(s, bad.sector) {
			break
		}
		clear(r.cancelled)
		err = r.walk(s, pieces, r.cancels)
	}
	if err != nil {
		return err
	}
	if err := r.walk(s, pieces, r.commit); err != nil {
		return err
	}
	r.over.finish()
	f.dev.over = r.over
	f.info.Journal = fmt.Sprintf("replayed to record %d:%d", s.last.lsn>>32, sectorOf(s.last.lsn))
	if r.damaged > 0 {
		f.note("%d inodes that the log changes are damaged on the disk: they cannot be read",
			r.damaged)
	}
	if err := f.superAgain(); err != nil {
		return err
	}
	return f.finishIntents(r.intents)
}

// superAgain reads the superblock as it is after the replay: it may have grown.
func (f *FS) superAgain() error {
	if !f.dev.over.touches(0, superBytes) {
		return nil
	}
	sb, _, err := readSuper(f.dev)
	if err != nil {
		return err
	}
	if sb.logBlock != f.sb.logBlock || sb.logStart != f.sb.logStart ||
		sb.logBlocks != f.sb.logBlocks {
		return corrupt("superblock", "the log changes where it is itself")
	}
	f.sb = sb
	return sb.checkReadable()
}

// extentKey is sectors of the disk that a buffer has.
type extentKey struct {
	sector int64
	count  int32
}

// replayer replays a log.
type replayer struct {
	f    *FS
	l    *logReader
	over *overlay
	base *blockCache // of the disk as it is

	// cancelled are buffers that are given back further on in the log, and how
	// often. What they held before must not be put onto what is there now.
	cancelled map[extentKey]int
	intents   map[uint64]intent
	order     int // of the next intent
	damaged   int // inodes
}

// maxCancelled is how many buffers may be given back in one log.
const maxCancelled = 1 << 18

// walk reads the records from the tail to the head of the log, and calls fn for
// each transaction that was committed.
func (r *replayer) walk(s *span, pieces int, fn func(*transaction) error) error {
	l := r.l
	c := &collector{l: l, open: map[uint32]*transaction{}, limit: pieces, commit: fn}
	left := s.head - s.tail
	if left <= 0 {
		left += l.sectors
	}
	lsn := uint64(0)
	for at := s.tail; left > 0; {
		rec, err := l.header(at)
		var payload []byte
		if err == nil {
			payload, err = l.payload(rec)
		}
		if err == nil {
			err = l.checkFormat(rec)
		}
		if err == nil {
			// The kernel relies on the head that it has found. What it would not notice is a
			// record that was never written, with an older one in its place.
			err = l.checkOrder(rec, lsn)
		}
		if err != nil {
			return &badRecord{at, err}
		}
		size := rec.sectors()
		if size > left {
			return &badRecord{at, l.corrupt(at, "a record goes on behind the end of the log")}
		}
		rec.restore(payload)
		l.keep(rec.sector, payload)
		if err := c.record(rec, payload); err != nil {
			return err
		}
		at, left, lsn = l.end(rec), left-size, rec.lsn
	}
	return nil
}

// maxMoves is how many damaged records the tail is moved behind.
const maxMoves = 4 * maxInFlight

// badRecord says that a record cannot be read.
type badRecord struct {
	sector int64
	err    error
}

func (e *badRecord) Error() string { return e.err.Error() }
func (e *badRecord) Unwrap() error { return e.err }

// moveTail moves the tail behind a record that is damaged, if that may have been
// overwritten: what it says was then in its place, but the record that says so is
// not whole. So it is if it is close behind the head.
func (l *logReader) moveTail(s *span, bad int64) bool {
	ahead := bad - s.head
	if ahead < 0 {
		ahead += l.sectors
	}
	left := l.sectors - ahead
	// The kernel has so many buffers for its log, of the size that each record names.
	if ahead > maxInFlight*s.last.buffer()>>sectorShift {
		return false
	}
	for n := int64(1); n < min(left, l.window()); n++ {
		at := l.wrap(bad + n)
		if r, err := l.header(at); err == nil && r.lsn>>32 <= s.last.lsn>>32 &&
			sectorOf(r.lsn) == at {
			s.tail = at
			l.f.note("the oldest records of the log are overwritten: what they changed was " +
				"in its place")
			return true
		}
	}
	return false
}

// checkFormat checks that a record is of this file system, and that its items
// can be understood.
func (l *logReader) checkFormat(r *record) error {
	if n := be.Uint32(r.raw[300:]); n != formatLittle {
		return l.corrupt(r.sector, "it was written by another kind of processor (format %d)", n)
	}
	return l.checkUUID(r)
}

// checkOrder checks that a record is where it says that it is, and younger than the
// one before it.
func (l *logReader) checkOrder(r *record, before uint64) error {
	if sectorOf(r.lsn) != r.sector || r.lsn <= before {
		return l.corrupt(r.sector, "a record has number %d:%d, behind %d:%d",
			r.lsn>>32, sectorOf(r.lsn), before>>32, sectorOf(before))
	}
	return nil
}

// cancels takes note of what a transaction gives back: the first walk.
func (r *replayer) cancels(t *transaction) error {
	return r.l.items(t, func(it *item) error {
		if it.kind != itemBuffer {
			return nil
		}
		b, err := r.bufferOf(it)
		if err != nil || b.flags&bufferCancel == 0 {
			return err
		}
		if r.cancelled[b.key]++; len(r.cancelled) > maxCancelled {
			return fmt.Errorf("it gives back more than %d buffers", maxCancelled)
		}
		return nil
	})
}

// commit replays a transaction, in the order of the kernel: buffers, then what
// may lie in them, then what is given back.
func (r *replayer) commit(t *transaction) error {
	for _, fn := range []func(it *item, lsn uint64) error{r.first, r.second, r.third} {
		if err := r.l.items(t, func(it *item) error { return fn(it, t.lsn) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *replayer) first(it *item, lsn uint64) error {
	switch it.kind {
	case itemICreate:
		return r.newInodes(it)
	case itemBuffer:
		b, err := r.bufferOf(it)
		if err != nil || b.flags&bufferCancel != 0 || r.cancelled[b.key] > 0 {
			return err
		}
		return r.buffer(it, b, lsn)
	}
	return nil
}

func (r *replayer) second(it *item, lsn uint64) error {
	switch k := it.kind; {
	case k == itemInode:
		return r.inode(it, lsn)
	case k == itemBUI, k == itemATTRI, k == itemXMI:
		return r.intent(it)
	case k == itemBUD, k == itemATTRD, k == itemXMD:
		if len(it.first) < 16 {
			return fmt.Errorf("it has an item %#x of %d bytes", k, len(it.first))
		}
		delete(r.intents, le.Uint64(it.first[8:]))
	case k == itemBuffer, k == itemICreate, k == itemQuota, k == itemQuotaOff, k == itemEFI,
		k == itemEFD:
	case k >= itemRUI && k <= itemCUD, k >= itemFreeRT && k <= itemLastKnown:
	default:
		return fmt.Errorf("it has items of an unknown kind %#x", k)
	}
	return nil
}

func (r *replayer) third(it *item, _ uint64) error {
	if it.kind != itemBuffer {
		return nil
	}
	b, err := r.bufferOf(it)
	if err != nil || b.flags&bufferCancel == 0 {
		return err
	}
	if r.cancelled[b.key]--; r.cancelled[b.key] <= 0 {
		delete(r.cancelled, b.key)
	}
	return nil
}

// put replaces bytes of the disk.
func (r *replayer) put(data []byte, off int64) error {
	for len(data) > 0 {
		sector := off >> sectorShift
		var b [sectorBytes]byte
		if err := r.read(b[:], sector<<sectorShift); err != nil {
			return err
		}
		n := copy(b[off&(sectorBytes-1):], data)
		if err := r.over.put(sector, &b); err != nil {
			return err
		}
		data, off = data[n:], off+int64(n)
	}
	return nil
}

// read fills p from an offset, as it is by now.
func (r *replayer) read(p []byte, off int64) error {
	log := r.f.sb.logBlock
	for n := 0; n < len(p); {
		at := off + int64(n)
		b, err := r.baseBlock(uint64(at >> log))
		if err != nil {
			return err
		}
		n += copy(p[n:], b[at&(1<<log-1):])
	}
	for at := off &^ (sectorBytes - 1); at < off+int64(len(p)); at += sectorBytes {
		if b, ok := r.over.get(at >> sectorShift); ok {
			lay(p, off, b[:], at)
		}
	}
	return nil
}

// baseBlock returns a block as it is on the disk.
func (r *replayer) baseBlock(number uint64) ([]byte, error) {
	key := cacheKey{number, 1}
	if b := r.base.get(key); b != nil {
		return b.data, nil
	}
	b := &cached{key: key, data: make([]byte, r.f.bs)}
	if err := r.f.readBlocks(b.data, number, 0); err != nil {
		return nil, err
	}
	return r.base.put(b).data, nil
}
