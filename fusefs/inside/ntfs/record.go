package ntfs

import (
	"errors"
	"fmt"
)

// record is a record of the MFT, whole.
type record struct {
	number   uint64
	sequence uint16
	base     uint64 // reference of the record that this one continues; 0: none
	flags    uint16
	first    int    // where its attributes begin
	b        []byte // as far as it is used
}

const (
	recordUsed = 1
	recordDir  = 2

	fileMagic  = "FILE"
	indexMagic = "INDX"
)

// errNotUsed says that a record belongs to no file.
var errNotUsed = errors.New("it belongs to no file")

// fixups makes a block whole that was read: the last two bytes of each sector were put
// elsewhere when it was written, so that a write which was cut short is seen. where names it.
func fixups(b []byte, magic string, where func() string) error {
	if string(b[:4]) != magic {
		return corrupt(where(), "it begins with %q", b[:4])
	}
	at, count := int(le.Uint16(b[4:])), int(le.Uint16(b[6:]))
	if count != len(b)/sectorBytes+1 || at < 8 || at+2*count > len(b) || at%2 != 0 ||
		len(b)%sectorBytes != 0 {
		return corrupt(where(), "%d ends of sectors at byte %d", count, at)
	}
	mark := le.Uint16(b[at:])
	for i := 1; i < count; i++ {
		end := b[i*sectorBytes-2:]
		if le.Uint16(end) != mark {
			return corrupt(where(), "it was not written to its end")
		}
		end[0], end[1] = b[at+2*i], b[at+2*i+1]
	}
	return nil
}

// parseRecord checks what was read as a record.
func (f *FS) parseRecord(b []byte, number uint64) (record, error) {
	if err := fixups(b, fileMagic, func() string { return recordName(number) }); err != nil {
		return record{}, err
	}
	r := record{
		number: number, sequence: le.Uint16(b[16:]), first: int(le.Uint16(b[20:])),
		flags: le.Uint16(b[22:]), base: le.Uint64(b[32:]),
	}
	// Windows XP and later write the number of a record into it, where there is room.
	if own := le.Uint32(b[44:]); r.first >= 48 && le.Uint16(b[4:]) >= 48 && own != uint32(number) {
		return record{}, corrupt(recordName(number), "record %d is in its place", own)
	}
	used := int64(le.Uint32(b[24:]))
	if used > int64(len(b)) || r.first < 42 || int64(r.first)+8 > used || r.first%4 != 0 {
		return record{}, corrupt(recordName(number), "its attributes would be from byte %d to %d",
			r.first, used)
	}
	if r.flags&recordUsed == 0 {
		return record{}, fmt.Errorf("read %s: %w", recordName(number), errNotUsed)
	}
	r.b = b[:used]
	return r, nil
}

// readRecord reads a record of the MFT, or its copy if it has one.
func (f *FS) readRecord(number uint64) (record, error) {
	if number >= uint64(f.mftSize/f.record) {
		return record{}, corrupt("the MFT", "it has no record %d", number)
	}
	b := make([]byte, f.record)
	err := f.readRuns(f.mftRuns, b, int64(number)*f.record)
	if err != nil {
		err = fmt.Errorf("read %s: %w", recordName(number), err)
	} else {
		var r record
		if r, err = f.parseRecord(b, number); err == nil {
			return r, nil
		}
	}
	if number < mirrored {
		if r, failed := f.readMirror(number); failed == nil {
			return r, nil
		}
	}
	return record{}, err
}

// readMirror reads the copy of one of the first records.
func (f *FS) readMirror(number uint64) (record, error) {
	b := make([]byte, f.record)
	if err := f.dev.Meta(b, f.mirror+int64(number)*f.record); err != nil {
		return record{}, err
	}
	return f.parseRecord(b, number)
}

// readRuns reads of the MFT, all of whose runs are known.
func (f *FS) readRuns(runs []run, p []byte, off int64) error {
	for len(p) > 0 {
		r, ok := findRun(runs, uint64(off/f.cluster))
		if !ok || r.hole() {
			return corrupt("the MFT", "it has nothing at byte %d", off)
		}
		in := off - int64(r.vcn)*f.cluster
		n := min(int64(len(p)), int64(r.count)*f.cluster-in)
		if err := f.dev.Meta(p[:n], int64(r.lcn)*f.cluster+in); err != nil {
			return err
		}
		p, off = p[n:], off+n
	}
	return nil
}

// openMFT finds where the MFT is. It says so itself, and where it is in many pieces some
// of its records, which lie in pieces that come before theirs, say the rest.
func (f *FS) openMFT() error {
	b := make([]byte, f.record)
	err := f.dev.Meta(b, f.mft)
	var base record
	if err == nil {
		base, err = f.parseRecord(b, recordMFT)
	}
	if err != nil {
		if base, _ = f.readMirror(recordMFT); base.b == nil {
			return fmt.Errorf("read the first record of the MFT: %w", err)
		}
		f.note("the first record of the MFT cannot be read (%v): its copy was used", err)
	}
	n := &inode{f: f, record: base}
	a, err := n.baseAttribute(attrData, "")
	if err != nil {
		return fmt.Errorf("find the MFT: %w", err)
	}
	if a.resident || a.size < f.record || a.size > min(f.bytes, f.dev.Size) {
		return corrupt("the MFT", "it would have %d bytes", a.size)
	}
	f.mftSize = a.size
	if f.mftRuns, err = f.runs(nil, a); err != nil {
		return fmt.Errorf("find the MFT: %w", err)
	}
	if err := n.readList(); err != nil {
		f.note("the list of the pieces of the MFT cannot be read: %v", err)
	}
	for _, e := range n.entries(attrData, "") {
		if e.vcn == 0 {
			continue
		}
		more, err := n.attribute(e)
		var longer []run
		if err == nil {
			longer, err = f.runs(f.mftRuns, more)
		}
		if err != nil {
			f.note("a piece of the MFT cannot be found, nor those behind it: %v", err)
			break
		}
		f.mftRuns = longer
	}
	f.boundMFT()
	return nil
}

// boundMFT leaves of the size of the MFT what its runs have.
func (f *FS) boundMFT() {
	held := int64(0)
	if n := len(f.mftRuns); n > 0 {
		held = int64(f.mftRuns[n-1].vcn+f.mftRuns[n-1].count) * f.cluster
	}
	f.mftSize = min(f.mftSize, held)
}
