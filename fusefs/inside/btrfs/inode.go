package btrfs

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	inodeBytes    = 160
	xattrBytes    = 64 // what an extended attribute takes beside its name and value
	flagNoSums    = 1
	flagVerity    = 1 << 32 // a flag of those that older kernels cannot write
	modeDir       = 0x4000
	modeRegular   = 0x8000
	modeLink      = 0xa000
	typeMask      = 0xf000
	kernelDevBits = 20 // of a minor number, as the kernel has it in memory
)

// inode is a file.
type inode struct {
	f      *FS
	sub    subvolume
	object uint64
	data   []byte // nil: an empty directory in place of a subvolume
}

// name names it in messages.
func (n *inode) name() string { return fmt.Sprintf("inode %d of subvolume %d", n.object, n.sub.id) }

// inode finds a file.
func (f *FS) inode(ino uint64) (*inode, error) {
	id, object := parseIno(ino)
	sub, err := f.subvolume(id)
	n := &inode{f: f, sub: sub, object: object}
	if err == nil && object >= emptyDir {
		return n, nil
	}
	var it item
	if err == nil {
		it, err = f.find(sub.root, key{object, kindInode, 0})
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", n.name(), err)
	}
	if len(it.data) < inodeBytes {
		return nil, corrupt(n.name(), "it has %d bytes", len(it.data))
	}
	n.data = it.data
	return n, nil
}

func (n *inode) mode() uint32 {
	if n.data == nil {
		return modeDir | 0o755
	}
	return le.Uint32(n.data[52:])
}

func (n *inode) size() int64   { return int64(le.Uint64(n.data[16:])) }
func (n *inode) flags() uint64 { return le.Uint64(n.data[64:]) }

// Stat returns the attributes of a file.
func (f *FS) Stat(ino uint64) (Attr, error) {
	n, err := f.inode(ino)
	if err != nil {
		return Attr{}, err
	}
	if n.data == nil {
		up, err := f.Stat(n.sub.dir) // it has no times of its own
		return Attr{Mode: n.mode(), Nlink: 1, Atime: up.Atime, Mtime: up.Mtime,
			Ctime: up.Ctime}, err
	}
	b := n.data
	at := Attr{
		Mode: n.mode(), UID: le.Uint32(b[44:]), GID: le.Uint32(b[48:]), Nlink: le.Uint32(b[40:]),
		Size: n.size(), Atime: timeOf(b[112:]), Ctime: timeOf(b[124:]), Mtime: timeOf(b[136:]),
		Btime: timeOf(b[148:]), Verity: n.flags()&flagVerity != 0,
	}
	if at.Size < 0 {
		return Attr{}, corrupt(n.name(), "it would have %d bytes", uint64(at.Size))
	}
	taken := min(le.Uint64(b[24:]), 1<<62)
	at.Blocks512 = int64((taken + uint64(f.sector) - 1) / uint64(f.sector) * uint64(f.sector) / 512)
	if t := at.Mode & typeMask; t == unix.S_IFBLK || t == unix.S_IFCHR {
		dev := le.Uint64(b[56:])
		at.Rdev = unix.Mkdev(uint32(dev>>kernelDevBits), uint32(dev&(1<<kernelDevBits-1)))
	}
	return at, nil
}

// timeOf reads a time.
func timeOf(b []byte) time.Time {
	return time.Unix(int64(le.Uint64(b)), int64(min(le.Uint32(b[8:]), 999_999_999))).UTC()
}

// Readlink returns where a symbolic link leads.
func (f *FS) Readlink(ino uint64) (string, error) {
	n, err := f.inode(ino)
	if err != nil {
		return "", err
	}
	if n.mode()&typeMask != modeLink {
		return "", fmt.Errorf("read link of %s: it is no symbolic link", n.name())
	}
	if size := n.size(); size <= 0 || size > maxTarget {
		return "", corrupt(n.name(), "its target has %d bytes", size)
	}
	file := n.file()
	b := make([]byte, file.Size())
	if _, err := file.ReadAt(b, 0); err != nil {
		return "", fmt.Errorf("read link of %s: %w", n.name(), err)
	}
	if bytes.IndexByte(b, 0) >= 0 {
		return "", corrupt(n.name(), "its target cannot be one: %q", b)
	}
	return string(b), nil
}

// Xattrs returns the extended attributes of a file.
func (f *FS) Xattrs(ino uint64) (list []Xattr, err error) {
	n, err := f.inode(ino)
	if err != nil || n.data == nil {
		return nil, err
	}
	left := maxXattrs
	err = f.walk(n.sub.root, key{n.object, kindXattr, 0}, func(it item) (bool, error) {
		if it.object != n.object || it.kind != kindXattr {
			return false, nil
		}
		entries, err := parseEntries(it.data)
		for _, e := range entries {
			if e.name == "" {
				return false, corrupt(n.name(), "an extended attribute without a name")
			}
			if left -= xattrBytes + len(e.name) + len(e.data); left < 0 {
				return false, corrupt(n.name(), "its extended attributes have more than %d bytes",
					maxXattrs)
			}
			list = append(list, Xattr{e.name, append([]byte{}, e.data...)})
		}
		return true, err
	})
	if err != nil && !errors.Is(err, errNoItem) {
		return list, fmt.Errorf("read the extended attributes of %s: %w", n.name(), err)
	}
	return list, nil
}
