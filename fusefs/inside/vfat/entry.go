package vfat

import "time"

// entry is what the entry of a file says.
type entry struct {
	ino        uint64
	name       string
	dir        bool
	readOnly   bool
	first      uint32
	contiguous bool
	size       int64 // of a directory of FAT: 0, as it is not known
	valid      int64 // what of it was written

	mtime, atime, btime time.Time // of exFAT; of FAT see setTimes
	fat                 [slotBytes]byte
}

// setTimes sets the times of a file of FAT, which few callers want.
func (e *entry) setTimes() {
	slot := e.fat[:]
	e.mtime = dosTime(le.Uint16(slot[24:]), le.Uint16(slot[22:]), 0)
	e.atime = dosTime(le.Uint16(slot[18:]), 0, 0)
	if date := le.Uint16(slot[16:]); date != 0 {
		e.btime = dosTime(date, le.Uint16(slot[14:]), slot[13])
	}
}

// Attributes of a file.
const (
	attrReadOnly = 0x01
	attrVolume   = 0x08
	attrDir      = 0x10
	attrLong     = 0x0f // a piece of a long name, if the lowest six bits are so
	attrMask     = 0x3f
)

// entry reads the entry of a file, but for its name.
func (f *FS) entry(ino uint64) (entry, error) {
	if ino == rootInode {
		return entry{ino: rootInode, dir: true, first: f.root}, nil
	}
	if ino >= uint64(f.bytes)/slotBytes || !f.mayHoldEntry(int64(ino)*slotBytes) {
		return entry{}, corrupt(entryName(ino), "no directory can be there")
	}
	off := int64(ino) * slotBytes
	if f.ex {
		return f.exEntryAt(off)
	}
	var slot [slotBytes]byte
	if err := f.dev.Meta(slot[:], off); err != nil {
		return entry{}, err
	}
	if slot[0] == 0 || slot[0] == slotDeleted || slot[11]&attrVolume != 0 {
		return entry{}, corrupt(entryName(ino), "it is no file's")
	}
	return f.parse(slot[:], off), nil
}

// mayHoldEntry says whether directories can be at an offset.
func (f *FS) mayHoldEntry(off int64) bool {
	return off >= f.heap || f.rootLength > 0 && off >= f.rootOff
}

// Types of files in a mode.
const (
	modeDir     = 0x4000
	modeRegular = 0x8000
	dtDir       = 4
	dtRegular   = 8
)

// Stat returns the attributes of a file.
func (f *FS) Stat(ino uint64) (Attr, error) {
	e, err := f.entry(ino)
	if err != nil {
		return Attr{}, err
	}
	if !f.ex {
		e.setTimes()
	}
	a := Attr{
		Mode:  modeRegular | 0o644,
		Nlink: 1,
		Size:  e.size,
		Atime: e.atime,
		Mtime: e.mtime,
		Ctime: e.mtime,
		Btime: e.btime,
	}
	if e.readOnly {
		a.Mode &^= 0o222
	}
	if e.dir {
		a.Mode, a.Size = modeDir|0o755, 0
	}
	a.Blocks512 = (e.size + f.cluster - 1) / f.cluster * f.cluster / 512
	if ino == rootInode { // it has no times
		a.Atime, a.Mtime, a.Ctime = time.Unix(0, 0), time.Unix(0, 0), time.Unix(0, 0)
	}
	return a, nil
}

func (e *entry) dirent() Dirent {
	d := Dirent{Name: e.name, Ino: e.ino, Type: dtRegular}
	if e.dir {
		d.Type = dtDir
	}
	return d
}

// dosTime returns a time of FAT and exFAT, in UTC; hundredths are what the seconds of two are
// made finer by. Fields that are no date are as near to it as can be.
func dosTime(date, clock uint16, hundredths uint8) time.Time {
	t := time.Date(1980+int(date>>9), time.Month(max(date>>5&15, 1)), int(max(date&31, 1)),
		int(clock>>11), int(clock>>5&63), int(clock&31)*2, 0, time.UTC)
	return t.Add(time.Duration(min(hundredths, 199)) * 10 * time.Millisecond)
}
