package fusefs

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/fusefs/inside"
)

// guestNode is a file of any type inside a disk.
type guestNode struct {
	node
	backup Backup
	part   string
	ino    uint64
	tag    uint32 // of the file system
}

var (
	_ = (gofs.NodeLookuper)((*guestNode)(nil))
	_ = (gofs.NodeGetattrer)((*guestNode)(nil))
	_ = (gofs.NodeReadlinker)((*guestNode)(nil))
	_ = (gofs.NodeOpener)((*guestNode)(nil))
	_ = (gofs.NodeOpendirHandler)((*guestNode)(nil))
	_ = (gofs.NodeGetxattrer)((*guestNode)(nil))
	_ = (gofs.NodeListxattrer)((*guestNode)(nil))
)

// tagBits is how many bits of an inode number tell its file system. Programs that keep hard links,
// such as cp -a and rsync -H, would take files of two file systems of one mount for the same file
// if their numbers were.
const (
	tagBits = 26
	inoBits = 36
)

func newGuestNode(t *tree, b Backup, part string, ino uint64) *guestNode {
	h := sha256.Sum256(fmt.Appendf(nil, "%q %d %d %q", b.ID, b.Size, b.CreatedAt.UnixNano(), part))
	return &guestNode{
		node: node{t: t}, backup: b, part: part, ino: ino,
		tag: binary.BigEndian.Uint32(h[:])&(1<<tagBits-1) | 1,
	}
}

// inode returns the inode number that a file has in the mount: its own in the lowest bits.
func (n *guestNode) inode(ino uint64) uint64 {
	if ino < 1<<inoBits {
		return uint64(n.tag)<<inoBits | ino
	}
	return inode(fmt.Sprintf("%d %d", n.tag, ino)) // a path is never like that
}

// with calls fn with the file system.
func (n *guestNode) with(ctx context.Context, fn func(inside.FS) error) error {
	return n.withDisk(ctx, func(_ *guestDisk, f inside.FS) error { return fn(f) })
}

// withDisk calls fn with the disk and the file system.
func (n *guestNode) withDisk(ctx context.Context, fn func(*guestDisk, inside.FS) error) error {
	g := n.t.guests
	return g.call(ctx, &n.backup, func(d *guestDisk, looked *lookedAt) error {
		f, err := d.fs(g, looked, n.part)
		if err != nil {
			return err
		}
		return fn(d, f)
	})
}

func (n *guestNode) fail(ctx context.Context, doing string, err error) syscall.Errno {
	if errors.Is(err, errGone) {
		return syscall.ESTALE
	}
	return n.t.fail(ctx, doing, n.backup.ID, err, syscall.ESTALE, "part", n.part, "inode", n.ino)
}

// entry makes the inode of a file, and tells the kernel its attributes.
func (n *guestNode) entry(ctx context.Context, parent *gofs.Inode, a inside.Attr,
	out *fuse.EntryOut) *gofs.Inode {
	n.fill(&out.Attr, a)
	out.SetEntryTimeout(fileAttrTimeout)
	out.SetAttrTimeout(fileAttrTimeout)
	return parent.NewInode(ctx, n, gofs.StableAttr{
		Mode: a.Mode & syscall.S_IFMT, Ino: n.inode(n.ino), Gen: uint64(n.tag),
	})
}

func (n *guestNode) fill(out *fuse.Attr, a inside.Attr) {
	out.Mode, out.Uid, out.Gid = a.Mode, a.UID, a.GID
	if n.t.guests.own {
		out.Uid, out.Gid = n.t.uid, n.t.gid
		out.Mode |= 0o400
		if a.Mode&syscall.S_IFMT == syscall.S_IFDIR {
			out.Mode |= 0o500
		}
	}
	out.Nlink, out.Size, out.Rdev = a.Nlink, uint64(a.Size), uint32(a.Rdev)
	out.Blksize, out.Blocks = blksize, uint64(max(a.Blocks512, 0))
	out.SetTimes(&a.Atime, &a.Mtime, &a.Ctime)
}

// known says whether the type of a file is one that there is.
func known(mode uint32) bool {
	switch mode & syscall.S_IFMT {
	case syscall.S_IFREG, syscall.S_IFDIR, syscall.S_IFLNK, syscall.S_IFIFO,
		syscall.S_IFSOCK, syscall.S_IFCHR, syscall.S_IFBLK:
		return true
	}
	return false
}

// Lookup implements gofs.NodeLookuper.
func (n *guestNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofs.Inode,
	syscall.Errno) {
	ctx, answered := patient(ctx)
	defer answered()
	var ino uint64
	var a inside.Attr
	err := n.with(ctx, func(f inside.FS) (err error) {
		if ino, err = f.Lookup(n.ino, name); err != nil {
			return err
		}
		if a, err = f.Stat(ino); err == nil && !known(a.Mode) {
			err = errors.New("its type is not known")
		}
		return err
	})
	if missing(err) && ctx.Err() == nil {
		return nil, syscall.ENOENT
	}
	if err != nil {
		return nil, n.fail(ctx, "look up a file", err)
	}
	child := &guestNode{node: node{t: n.t}, backup: n.backup, part: n.part, ino: ino, tag: n.tag}
	return child.entry(ctx, &n.Inode, a, out), 0
}

// Getattr implements gofs.NodeGetattrer.
func (n *guestNode) Getattr(ctx context.Context, _ gofs.FileHandle,
	out *fuse.AttrOut) syscall.Errno {
	ctx, answered := patient(ctx)
	defer answered()
	var a inside.Attr
	err := n.with(ctx, func(f inside.FS) (err error) {
		a, err = f.Stat(n.ino)
		return err
	})
	if err != nil {
		return n.fail(ctx, "look at a file", err)
	}
	n.fill(&out.Attr, a)
	out.SetTimeout(fileAttrTimeout)
	return 0
}

// Readlink implements gofs.NodeReadlinker: what the guest wrote, for the caller to follow.
func (n *guestNode) Readlink(ctx context.Context) ([]byte, syscall.Errno) {
	ctx, answered := patient(ctx)
	defer answered()
	var target string
	err := n.with(ctx, func(f inside.FS) (err error) {
		target, err = f.Readlink(n.ino)
		return err
	})
	if err != nil {
		return nil, n.fail(ctx, "read a symbolic link", err)
	}
	return []byte(target), 0
}

// xattrs returns the extended attributes.
func (n *guestNode) xattrs(ctx context.Context) ([]inside.Xattr, syscall.Errno) {
	ctx, answered := patient(ctx)
	defer answered()
	var list []inside.Xattr
	err := n.with(ctx, func(f inside.FS) (err error) {
		list, err = f.Xattrs(n.ino)
		return err
	})
	if err != nil {
		return nil, n.fail(ctx, "read extended attributes", err)
	}
	return list, 0
}

// Getxattr implements gofs.NodeGetxattrer.
func (n *guestNode) Getxattr(ctx context.Context, name string,
	dest []byte) (uint32, syscall.Errno) {
	list, no := n.xattrs(ctx)
	if no != 0 {
		return 0, no
	}
	for _, x := range list {
		if x.Name == name {
			return given(x.Value, dest)
		}
	}
	return 0, syscall.ENODATA
}

// Listxattr implements gofs.NodeListxattrer.
func (n *guestNode) Listxattr(ctx context.Context, dest []byte) (uint32, syscall.Errno) {
	list, no := n.xattrs(ctx)
	if no != 0 {
		return 0, no
	}
	var names []byte
	for _, x := range list {
		names = append(append(names, x.Name...), 0)
	}
	return given(names, dest)
}

// given answers a request for an attribute: its size if that is too much.
func given(value, dest []byte) (uint32, syscall.Errno) {
	if len(dest) < len(value) {
		return uint32(len(value)), syscall.ERANGE
	}
	return uint32(copy(dest, value)), 0
}

// OpendirHandle implements gofs.NodeOpendirHandler.
func (n *guestNode) OpendirHandle(context.Context, uint32) (gofs.FileHandle, uint32,
	syscall.Errno) {
	return &guestDir{n: n}, fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE, 0
}

// Open implements gofs.NodeOpener.
func (n *guestNode) Open(ctx context.Context, flags uint32) (gofs.FileHandle, uint32,
	syscall.Errno) {
	if writes(flags) {
		return nil, 0, syscall.EROFS
	}
	ctx, answered := patient(ctx)
	defer answered()
	h := &guestHandle{n: n}
	if err := h.with(ctx, func(inside.File) error { return nil }); err != nil {
		return nil, 0, n.fail(ctx, "open a file", err)
	}
	return h, fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_NOFLUSH, 0
}

// guestHandle is an open file inside a disk. It pins nothing: where the file system was closed
// meanwhile, the file is opened again.
type guestHandle struct {
	n    *guestNode
	last atomic.Pointer[openedFile] // is set under guests.mu

	released bool // under guests.mu: calls that nobody waits for any more may still run
}

// openedFile is a file as a file system has it open.
type openedFile struct {
	fs   inside.FS
	disk *guestDisk
	file inside.File
}

var _ = (gofs.FileReader)((*guestHandle)(nil))
var _ = (gofs.FileReleaser)((*guestHandle)(nil))
var _ = (gofs.FileLseeker)((*guestHandle)(nil))

// with calls fn with the contents.
func (h *guestHandle) with(ctx context.Context, fn func(inside.File) error) error {
	return h.n.withDisk(ctx, func(d *guestDisk, f inside.FS) error {
		last := h.last.Load()
		if last == nil || last.fs != f {
			file, err := f.Open(h.n.ino)
			if err != nil {
				return err
			}
			last = &openedFile{f, d, file}
			h.n.t.guests.hold(h, last)
		}
		return fn(last.file)
	})
}

// Release implements gofs.FileReleaser.
func (h *guestHandle) Release(context.Context) syscall.Errno {
	h.n.t.guests.letGo(h)
	return 0
}

// Read implements gofs.FileReader.
func (h *guestHandle) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult,
	syscall.Errno) {
	ctx, answered := patient(ctx)
	defer answered()
	n, buffer := 0, make([]byte, len(dest)) // dest is another request's if this one is given up
	err := h.with(ctx, func(f inside.File) (err error) {
		buffer = buffer[:max(0, min(int64(len(buffer)), f.Size()-off))]
		if n, err = f.ReadAt(buffer, off); errors.Is(err, io.EOF) {
			err = nil
		}
		return err
	})
	if err != nil {
		return nil, h.n.fail(ctx, "read a file", err)
	}
	return fuse.ReadResultData(buffer[:n]), 0
}

// Lseek implements gofs.FileLseeker.
func (h *guestHandle) Lseek(ctx context.Context, off uint64,
	whence uint32) (uint64, syscall.Errno) {
	ctx, answered := patient(ctx)
	defer answered()
	var at int64
	err := h.with(ctx, func(f inside.File) error {
		if off >= uint64(f.Size()) {
			return syscall.ENXIO
		}
		at = int64(off)
		for {
			begin, end, err := f.NextData(at)
			switch {
			case errors.Is(err, io.EOF) && whence == unix.SEEK_DATA:
				return syscall.ENXIO
			case errors.Is(err, io.EOF), err == nil && whence == unix.SEEK_HOLE && begin > at:
				return nil
			case err != nil:
				return err
			case whence == unix.SEEK_DATA:
				at = begin
				return nil
			}
			at = end
		}
	})
	switch {
	case errors.Is(err, syscall.ENXIO):
		return 0, syscall.ENXIO
	case err != nil:
		return 0, h.n.fail(ctx, "look for holes", err)
	}
	return uint64(at), 0
}
