package contents

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Contents is what begins at some place of a disk. The zero value means that
// nothing known begins there.
type Contents struct {
	Kind  string // for people: "ext4", "XFS", "LVM physical volume"; "" if unknown
	Label string // the name that its owner gave it; any bytes, without zeros at the end
	State State

	// Detail says why State is InUse or cannot be known, as the end of a
	// sentence; "" if there is nothing to say.
	Detail string

	// Holds says that it contains other disks or file systems which cannot be
	// read directly: those of LVM, LUKS, RAID.
	Holds bool
}

// State says how a file system was left.
type State int

const (
	Unknown State = iota // there is no file system, or its state cannot be known
	Clean                // unmounted, frozen, or never used
	InUse                // mounted when it was copied, or not unmounted before
)

func (s State) String() string {
	switch s {
	case Clean:
		return "clean"
	case InUse:
		return "in use"
	}
	return "unknown"
}

// Identify says what lies in the size bytes of r. r must return all bytes asked
// for or an error. An error of Identify means that r could not be read; the
// Contents then say what was found before that.
func Identify(r io.ReaderAt, size int64) (Contents, error) {
	d := &disk{r: r, size: size}
	c := d.identify()
	c.Label = strings.TrimRight(c.Label, "\x00")
	return c, d.err
}

// disk is a disk or partition while it is identified.
type disk struct {
	r    io.ReaderAt
	size int64
	err  error // of the first failed read; later reads return nothing
}

// at reads n bytes, or returns nil if they lie outside of the disk or cannot be
// read.
func (d *disk) at(off int64, n int) []byte {
	if off < 0 || off > d.size-int64(n) || d.err != nil {
		return nil
	}
	b := make([]byte, n)
	if got, err := d.r.ReadAt(b, off); got < n {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		d.err = fmt.Errorf("read %d bytes at byte %d of it: %w", n, off, err)
		return nil
	}
	return b
}

// has says whether magic is at off.
func (d *disk) has(off int64, magic string) bool {
	return string(d.at(off, len(magic))) == magic
}

const headBytes = 4096

// identify tries the most certain formats first: containers, which may have
// left the superblock of an older file system in place, then file systems.
func (d *disk) identify() Contents {
	head := d.at(0, int(min(d.size, headBytes)))
	if len(head) < 512 {
		return Contents{}
	}
	head = append(head, make([]byte, headBytes-len(head))...)
	for _, look := range []func(*disk, []byte) (Contents, bool){luks, lvm, md, xfs, ext, swap, ntfs,
		exfat, fat, btrfs, others} {
		if c, ok := look(d, head); ok || d.err != nil {
			return c
		}
	}
	return Contents{}
}

// luks: docs/on-disk-format of cryptsetup; the version is big endian.
func luks(_ *disk, head []byte) (Contents, bool) {
	if !bytes.HasPrefix(head, []byte("LUKS\xba\xbe")) {
		return Contents{}, false
	}
	return Contents{Kind: fmt.Sprintf("LUKS%d", binary.BigEndian.Uint16(head[6:])),
		Holds: true}, true
}

// lvm: lib/format_text/layout.h of LVM2; the label is in one of four sectors
// and says which.
func lvm(_ *disk, head []byte) (Contents, bool) {
	for i := range 4 {
		label := head[512*i:]
		if string(label[:8]) == "LABELONE" && binary.LittleEndian.Uint64(label[8:]) == uint64(i) &&
			string(label[24:32]) == "LVM2 001" {
			return Contents{Kind: "LVM physical volume", Holds: true}, true
		}
	}
	return Contents{}, false
}

// md: drivers/md/md.c and md_p.h of Linux. Superblocks at the end (0.90, 1.0)
// are not searched for: with these, the contents of the array begin where the
// disk does.
func md(d *disk, head []byte) (Contents, bool) {
	const magic = "\xfc\x4e\x2b\xa9"
	sb := head
	if string(sb[:4]) != magic { // not version 1.1: try 1.2
		if sb = d.at(4096, 64); sb == nil || string(sb[:4]) != magic {
			return Contents{}, false
		}
	}
	return Contents{Kind: "member of a RAID array (md)", Label: string(sb[32:64]),
		Holds: true}, true
}

// swap: include/linux/swap.h; the magic ends a page of 4096 bytes.
func swap(_ *disk, head []byte) (Contents, bool) {
	switch string(head[4086:]) {
	case "SWAPSPACE2", "SWAP-SPACE":
		return Contents{Kind: "swap", Label: string(head[1052:1068])}, true
	case "S1SUSPEND\x00", "S2SUSPEND\x00", "ULSUSPEND\x00":
		return Contents{Kind: "swap", State: InUse,
			Detail: "holds the memory of a machine that hibernated: its file systems must not be " +
				"written to before it wakes up"}, true
	}
	return Contents{}, false
}

// others recognizes formats of which only the kind is told.
func others(d *disk, head []byte) (Contents, bool) {
	for _, o := range []struct {
		kind  string
		at    int64
		magic string
	}{
		{"F2FS", 1024, "\x10\x20\xf5\xf2"},
		{"EROFS", 1024, "\xe2\xe1\xf5\xe0"},
		{"SquashFS", 0, "hsqs"},
		{"BitLocker volume", 3, "-FVE-FS-"},
		{"bcache or bcachefs", 4096 + 24,
			"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"},
		// The first of what a label of ZFS says, a list of names and values in XDR.
		{"ZFS", 16<<10 + 20, "\x00\x00\x00\x07version\x00"},
		{"JFS", 0x8000, "JFS1"},
		{"ISO 9660", 0x8001, "CD001"},
		{"ReiserFS", 0x10034, "ReIsEr"},
	} {
		if o.at < headBytes {
			if bytes.HasPrefix(head[o.at:], []byte(o.magic)) {
				return Contents{Kind: o.kind}, true
			}
		} else if d.has(o.at, o.magic) {
			return Contents{Kind: o.kind}, true
		}
	}
	return Contents{}, false
}
