package vfat

import (
	"time"
)

// Types of slots of exFAT.
const (
	exInUse  = 0x80
	exLabel  = 0x83
	exFile   = 0x85
	exStream = 0xc0
	exName   = 0xc1

	exSecondary = 0x40 // it belongs to the one before it
	maxSet      = 19   // slots of a file
)

// exSet is the slots of one file, as far as they were seen.
type exSet struct {
	off   int64 // of the first
	want  int
	bytes []byte
}

// add adds a slot; whole says that it was the last one.
func (s *exSet) add(slot []byte) (whole bool) {
	s.bytes = append(s.bytes, slot...)
	return len(s.bytes) == s.want*slotBytes
}

// listExFAT is list for exFAT; bad is told of files whose slots make no sense.
func (f *FS) listExFAT(dir entry, give func(entry) error, bad func(error)) error {
	var set exSet
	return f.slots(dir, func(off int64, slot []byte) error {
		switch {
		case slot[0] == exFile:
			if set.want > 0 {
				bad(
					corrupt(
						entryName(uint64(set.off)/slotBytes),
						"the directory has not all of it",
					),
				)
			}
			set = exSet{off: off, want: 1 + int(slot[1]), bytes: set.bytes[:0]}
			if set.want < 3 || set.want > maxSet {
				bad(corrupt(entryName(uint64(off)/slotBytes), "it would have %d slots", set.want))
				set = exSet{}
				return nil
			}
			set.add(slot)
			return nil
		case set.want == 0:
			return nil
		case slot[0]&(exInUse|exSecondary) != exInUse|exSecondary:
			bad(corrupt(entryName(uint64(set.off)/slotBytes), "the directory has not all of it"))
			set = exSet{}
			return nil
		}
		if !set.add(slot) {
			return nil
		}
		e, err := parseSet(set.bytes, uint64(set.off)/slotBytes)
		set = exSet{}
		if err != nil {
			bad(err)
			return nil
		}
		return give(e)
	})
}

// setChecksum is that of all slots of a file (6.3.3 of the specification).
func setChecksum(b []byte) (sum uint16) {
	for i, c := range b {
		if i != 2 && i != 3 {
			sum = (sum<<15 | sum>>1) + uint16(c)
		}
	}
	return sum
}

// parseSet reads the slots of a file.
func parseSet(b []byte, ino uint64) (entry, error) {
	if le.Uint16(b[2:]) != setChecksum(b) {
		return entry{}, corrupt(entryName(ino), "its checksum is wrong")
	}
	stream := b[slotBytes:]
	if stream[0] != exStream {
		return entry{}, corrupt(entryName(ino), "it does not say where the file is")
	}
	attr := le.Uint16(b[4:])
	e := entry{
		ino: ino, dir: attr&attrDir != 0, readOnly: attr&attrReadOnly != 0,
		first: le.Uint32(stream[20:]), contiguous: stream[1]&2 != 0,
		size: int64(le.Uint64(stream[24:])), valid: int64(le.Uint64(stream[8:])),
		btime: exTime(le.Uint32(b[8:]), b[20], b[22]),
		mtime: exTime(le.Uint32(b[12:]), b[21], b[23]),
		atime: exTime(le.Uint32(b[16:]), 0, b[24]),
	}
	if e.size < 0 || e.valid < 0 || e.valid > e.size {
		return entry{}, corrupt(
			entryName(ino),
			"%d of its %d bytes were written",
			uint64(e.valid),
			uint64(e.size),
		)
	}
	var name []byte
	for at := 2 * slotBytes; at < len(b); at += slotBytes {
		if b[at] == exName {
			name = append(name, b[at+2:at+slotBytes]...)
		}
	}
	length := 2 * int(stream[3])
	if length == 0 || length > len(name) {
		return entry{}, corrupt(entryName(ino), "its name would have %d characters", stream[3])
	}
	e.name = wideName(name[:length])
	return e, nil
}

// exEntryAt reads the entry of a file whose first slot is at an offset. Its slots may go on in the
// next cluster of its directory: that is the next one of the disk if the directory lies in one
// piece, and the table of clusters says which otherwise. The checksum tells.
func (f *FS) exEntryAt(off int64) (entry, error) {
	ino := uint64(off) / slotBytes
	var first [slotBytes]byte
	if err := f.dev.Meta(first[:], off); err != nil {
		return entry{}, err
	}
	want := 1 + int(first[1])
	if first[0] != exFile || want < 3 || want > maxSet {
		return entry{}, corrupt(entryName(ino), "it is no file's")
	}
	b := make([]byte, want*slotBytes)
	room := f.cluster - (off-f.heap)%f.cluster
	if int64(len(b)) <= room {
		if err := f.dev.Meta(b, off); err != nil {
			return entry{}, err
		}
		return parseSet(b, ino)
	}
	if err := f.dev.Meta(b[:room], off); err != nil {
		return entry{}, err
	}
	here := uint32((off-f.heap)/f.cluster) + 2
	err := corrupt(entryName(ino), "the directory has not all of it")
	follows, _ := f.next(here) // what is wrong with it shows in the checksum
	for _, n := range []uint32{follows, here + 1} {
		if !f.valid(n) {
			continue
		}
		if err = f.dev.Meta(b[room:], f.offset(n)); err != nil {
			continue
		}
		var e entry
		if e, err = parseSet(b, ino); err == nil {
			return e, nil
		}
	}
	return entry{}, err
}

// exTime returns a time of exFAT; zone is the offset of its clock from UTC, in quarters of an hour,
// if the highest bit is set.
func exTime(stamp uint32, hundredths, zone uint8) time.Time {
	t := dosTime(uint16(stamp>>16), uint16(stamp), hundredths)
	if zone&0x80 == 0 {
		return t
	}
	quarters := int(int8(zone<<1)) / 2
	return t.Add(-time.Duration(quarters) * 15 * time.Minute)
}
