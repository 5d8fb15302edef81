package unzstd

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// A checkpoint's State:
//
//	byte     version, 1
//	byte     flags
//	         nothing more when flagFrameStart is set: In is at a frame header
//	uvarint  window size of the frame, in bytes
//	uvarint  bytes of the frame decoded before the checkpoint
//	uvarint  decoded size of the frame, when flagContent is set
//	uvarint  the three repeat offsets
//	uvarint  length, and that many bytes, of the description of each table that
//	         a later block inherits: literal lengths, offsets, match lengths (a
//	         byte of mode, then as stored), the Huffman tree (as stored); length
//	         0 when none does
//	uvarint  reach: how many bytes before the checkpoint matter
//	         these bytes, sparse, as stream.AppendWindow encodes them
const stateVersion = 1

const (
	flagFrameStart = 1 << iota
	flagChecksum
	flagContent
)

func frameStartState() []byte { return []byte{stateVersion, flagFrameStart} }

// state encodes the checkpoint c, with everything before out decoded.
func (t *tracker) state(c *candidate, d *Decoder, out int64) []byte {
	t.work.collect(&t.refs, c.out, c.reach)
	t.work.sort(c.reach)
	ranges, content := t.work.window(&d.window, out)
	flags := byte(0)
	if c.frame.checksum {
		flags |= flagChecksum
	}
	if c.frame.content >= 0 {
		flags |= flagContent
	}
	b := make([]byte, 0, 400+4*len(ranges)+len(content))
	b = append(b, stateVersion, flags)
	b = binary.AppendUvarint(b, uint64(c.frame.window))
	b = binary.AppendUvarint(b, uint64(c.frame.done))
	if c.frame.content >= 0 {
		b = binary.AppendUvarint(b, uint64(c.frame.content))
	}
	for _, r := range c.reps {
		b = binary.AppendUvarint(b, uint64(r))
	}
	for i, desc := range c.desc {
		if c.settled&^c.needed&(1<<i) != 0 {
			desc = nil
		}
		b = binary.AppendUvarint(b, uint64(len(desc)))
		b = append(b, desc...)
	}
	b = binary.AppendUvarint(b, uint64(c.reach))
	b = binary.AppendUvarint(b, uint64(len(ranges)))
	end := 0
	for _, r := range ranges {
		b = binary.AppendUvarint(b, uint64(r.Off-end))
		b = binary.AppendUvarint(b, uint64(r.Len))
		end = r.Off + r.Len
	}
	return append(b, content...)
}

// Resume returns a decoder that goes on at cp, which New or Resume on the same
// object has reported. It reads nothing yet. A checkpoint that cannot be is
// refused with an error that wraps stream.ErrCorrupt; one that only is wrong
// leads to wrong bytes or to an error of Read.
func Resume(src stream.Source, cp stream.Checkpoint, opt Options) (*Decoder, error) {
	d := newDecoder(src, opt)
	if err := d.resume(cp); err != nil {
		if isMemoryError(err) {
			return nil, err
		}
		return nil, &stream.CorruptError{Format: formatName, In: cp.In / 8, Out: cp.Out,
			Reason: "checkpoint: " + err.Error()}
	}
	return d, nil
}

var (
	errStateVersion = errors.New("unknown version")
	errStatePlace   = errors.New("it is not a place in the object")
	errStateShort   = errors.New("it ends early")
	errStateBounds  = errors.New("a field is out of bounds")
	errStateLeft    = errors.New("bytes follow its end")
)

func (d *Decoder) resume(cp stream.Checkpoint) error {
	b := cp.State
	switch {
	case cp.In < 0 || cp.In%8 != 0 || cp.In/8 > d.in.src.Size() || cp.Out < 0:
		return errStatePlace
	case len(b) < 2:
		return errStateShort
	case b[0] != stateVersion:
		return errStateVersion
	}
	flags := b[1]
	b = b[2:]
	d.in.off, d.out, d.from = cp.In/8, cp.Out, cp.Out
	if d.opt.Observer != nil {
		d.track = newTracker(d.opt, cp.Out)
	}
	if flags == flagFrameStart {
		if len(b) != 0 {
			return errStateLeft
		}
		return nil
	}
	if flags&^(flagChecksum|flagContent) != 0 {
		return errStateBounds
	}
	next := func(least, most int64) (v int64, err error) { // neither of them negative
		u, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, errStateShort
		}
		if b = b[n:]; u < uint64(least) || u > uint64(most) {
			return 0, errStateBounds
		}
		return int64(u), nil
	}
	var err error
	f := frame{content: -1, checksum: flags&flagChecksum != 0}
	if f.window, err = next(minWindow, maxTracked); err != nil {
		return fmt.Errorf("window: %w", err)
	}
	if f.done, err = next(1, cp.Out); err != nil {
		return fmt.Errorf("decoded bytes: %w", err)
	}
	if flags&flagContent != 0 {
		if f.content, err = next(f.done, 1<<62); err != nil {
			return fmt.Errorf("frame size: %w", err)
		}
	}
	var reps [3]uint32
	for i := range reps {
		v, err := next(1, 1<<32-1)
		if err != nil {
			return fmt.Errorf("repeat offset: %w", err)
		}
		reps[i] = uint32(v)
	}
	var desc [4][]byte
	for i := range desc {
		n, err := next(0, int64(len(b)))
		if err != nil || n > int64(len(b)) {
			return fmt.Errorf("table: %w", errStateBounds)
		}
		desc[i], b = b[:n], b[n:]
	}
	reach, err := next(0, min(f.window, f.done))
	if err != nil {
		return fmt.Errorf("reach: %w", err)
	}
	if err := d.block.restore(reps, desc); err != nil {
		return err
	}
	if err := d.admit(&f, cp.Out); err != nil {
		return err
	}
	rest := int64(-1)
	if n := d.opt.span(&f, cp.Out); n >= 0 {
		rest = max(n-f.done, 0)
	}
	keep := 0
	if d.track != nil {
		d.track.plan(&f, cp.Out)
		keep = d.track.keep()
	}
	d.frame, d.frames, d.place = f, 1, inFrame
	d.read = int(reach)
	return d.window.restore(f.window, keep, rest, int(reach), b)
}

// restore sets what blocks before a checkpoint left.
func (d *blockDecoder) restore(reps [3]uint32, desc [4][]byte) error {
	d.reset()
	d.seqs.reps = reps
	for i := range d.tables {
		if len(desc[i]) == 0 {
			continue
		}
		mode, rest := int(desc[i][0]), desc[i][1:]
		if mode >= modeRepeat {
			return fmt.Errorf("%s table: %w", kinds[i].name, errStateBounds)
		}
		n, err := d.tables[i].read(&kinds[i], mode, rest)
		if err != nil {
			return fmt.Errorf("%s table: %w", kinds[i].name, err)
		}
		if n != len(rest) {
			return fmt.Errorf("%s table: %w", kinds[i].name, errStateLeft)
		}
	}
	if tree := desc[useTree]; len(tree) > 0 {
		rest, err := d.readTree(tree)
		if err != nil {
			return fmt.Errorf("tree: %w", err)
		}
		if len(rest) != 0 {
			return fmt.Errorf("tree: %w", errStateLeft)
		}
	}
	return nil
}

// restore fills the window with the reach bytes before a checkpoint; rest is
// how many bytes of the frame follow it, -1 when that is unknown.
func (w *window) restore(size int64, keep int, rest int64, reach int, sparse []byte) error {
	content := int64(-1)
	if rest >= 0 {
		content = int64(reach) + rest
	}
	w.reset(size, keep, content)
	w.reserve(reach + resumeRoom)
	left, err := stream.ExpandWindow(w.buf[:reach], sparse)
	if err != nil {
		return err
	}
	if len(left) != 0 {
		return errStateLeft
	}
	w.pos, w.start, w.total = reach, reach, int64(reach)
	return nil
}

// resumeRoom is the room for decoded bytes that a resumed window starts with.
const resumeRoom = 1 << 20
