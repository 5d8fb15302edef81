package fusefs

import (
	"context"
	"syscall"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// statusDirName is the directory of StatusFile. It is found by name but not
// listed: a copy of the tree should not contain it.
const statusDirName = ".restorefs"

// StatusFile is where Options.Status is read, below the mountpoint.
const StatusFile = statusDirName + "/" + statusFileName

const statusFileName = "status.json"

type statusDir struct{ node }

var _ = (gofs.NodeLookuper)((*statusDir)(nil))
var _ = (gofs.NodeReaddirer)((*statusDir)(nil))
var _ = (gofs.NodeGetattrer)((*statusDir)(nil))

func (d *statusDir) Getattr(_ context.Context, _ gofs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	d.t.attr(&out.Attr, syscall.S_IFDIR|d.t.dirMode, 0, d.t.mounted)
	return 0
}

func (d *statusDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofs.Inode,
	syscall.Errno) {
	if name != statusFileName {
		return nil, syscall.ENOENT
	}
	n := &statusNode{node{t: d.t}}
	n.attr(&out.Attr)
	return d.NewInode(ctx, n, stable(syscall.S_IFREG, StatusFile)), 0
}

func (d *statusDir) Readdir(context.Context) (gofs.DirStream, syscall.Errno) {
	return gofs.NewListDirStream([]fuse.DirEntry{
		{Name: ".", Mode: syscall.S_IFDIR, Ino: inode(statusDirName)},
		{Name: "..", Mode: syscall.S_IFDIR, Ino: rootInode},
		{Name: statusFileName, Mode: syscall.S_IFREG, Ino: inode(StatusFile)},
	}), 0
}

// statusNode is a file whose contents are made at every open. As in /proc its
// size is 0, and it bypasses the page cache.
type statusNode struct{ node }

var _ = (gofs.NodeOpener)((*statusNode)(nil))
var _ = (gofs.NodeGetattrer)((*statusNode)(nil))

func (n *statusNode) attr(out *fuse.Attr) {
	n.t.attr(out, syscall.S_IFREG|n.t.fileMode, 0, n.t.mounted)
}

func (n *statusNode) Getattr(_ context.Context, _ gofs.FileHandle,
	out *fuse.AttrOut) syscall.Errno {
	n.attr(&out.Attr)
	return 0
}

func (n *statusNode) Open(ctx context.Context, flags uint32) (gofs.FileHandle, uint32,
	syscall.Errno) {
	if writes(flags) {
		return nil, 0, syscall.EROFS
	}
	text, err := n.t.status()
	if err != nil {
		return nil, 0, n.t.fail(ctx, "tell the status", "", err, syscall.EIO)
	}
	return textHandle(text), fuse.FOPEN_DIRECT_IO | fuse.FOPEN_NOFLUSH, 0
}
