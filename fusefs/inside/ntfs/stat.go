package ntfs

import (
	"time"
)

// Types of files in a mode, and of entries.
const (
	modeFIFO    = 0x1000
	modeDir     = 0x4000
	modeRegular = 0x8000
	modeLink    = 0xa000
	modeSocket  = 0xc000
	dtDir       = 4
	dtRegular   = 8
)

// Flags of a file.
const (
	fileReadOnly  = 0x1
	fileSystem    = 0x4
	fileOffline   = 0x1000
	fileEncrypted = 0x4000
	fileRecall    = 0x400000 // upon a read, as of a file that a cloud has
)

// information returns the attribute with the times and flags of a file.
func (n *inode) information() ([]byte, error) {
	a, err := n.first(attrInformation, "")
	if err != nil {
		return nil, err
	}
	if !a.resident || len(a.value) < 36 {
		return nil, corrupt(recordName(n.number), "its times have %d bytes", len(a.value))
	}
	return a.value, nil
}

// fileFlags returns the flags of a file; 0 if they cannot be read.
func (n *inode) fileFlags() uint32 {
	info, err := n.information()
	if err != nil {
		return 0
	}
	return le.Uint32(info[32:])
}

// mode returns the type and permissions of a file.
func (n *inode) mode() uint32 {
	flags := n.fileFlags()
	mode := uint32(modeRegular | 0o644)
	if flags&fileReadOnly != 0 {
		mode &^= 0o222
	}
	if n.isDir() {
		mode = modeDir | 0o755
	}
	if flags&fileReparse != 0 {
		switch n.reparseTag() {
		case tagSymlink, tagJunction, tagLinuxLink:
			mode = modeLink | 0o777
		case tagLinuxFIFO:
			mode = modeFIFO | 0o644
		case tagSocket:
			mode = modeSocket | 0o644
		}
	} else if flags&fileSystem != 0 && !n.isDir() {
		if _, ok := n.interix(); ok {
			mode = modeLink | 0o777
		}
	}
	return mode
}

// Stat returns the attributes of a file, or of a stream of one.
func (f *FS) Stat(ino uint64) (Attr, error) {
	n, err := f.inode(ino)
	if err != nil {
		return Attr{}, err
	}
	info, err := n.information()
	if err != nil {
		return Attr{}, err
	}
	at := Attr{
		Mode: n.mode(), Btime: windowsTime(info), Mtime: windowsTime(info[8:]),
		Ctime: windowsTime(info[16:]), Atime: windowsTime(info[24:]),
		Encrypted: le.Uint32(info[32:])&fileEncrypted != 0 && !n.isDir(),
	}
	err = n.each(attrName, func(a attribute) bool {
		if a.resident && len(a.value) >= nameHead && a.value[65] != spaceDOS {
			at.Nlink++
		}
		return true
	})
	if err != nil { // a record with names is damaged: the file itself says how many it has
		at.Nlink = max(at.Nlink, uint32(le.Uint16(n.b[18:])))
	}
	at.Nlink = max(at.Nlink, 1)
	place := int(ino >> numberBits)
	if place > 0 {
		at.Mode, at.Nlink = modeRegular|at.Mode&0o666, 1
	}
	switch at.Mode & 0xf000 {
	case modeLink:
		target, err := n.target()
		if err == nil {
			at.Size = int64(len(target))
		}
	case modeRegular:
		a, err := n.streamAttribute(place)
		if isNotExist(err) && place == 0 {
			break // no data: it is empty
		}
		if err != nil {
			return Attr{}, err
		}
		at.Size = a.size
		at.Blocks512 = a.allocated / sectorBytes
	}
	return at, nil
}

// windowsTime reads a time in units of 100 ns from 1601.
func windowsTime(b []byte) time.Time {
	const (
		second = 10_000_000
		epoch  = 11_644_473_600 // seconds from 1601 to 1970
	)
	v := int64(le.Uint64(b))
	return time.Unix(v/second-epoch, v%second*100).UTC()
}
