package fusefs

import (
	"context"
	"crypto/sha256"
	"path"
	"strings"
	"syscall"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// dirNode is any directory: a path into the layout.
type dirNode struct {
	node
	path string // "" for the root
}

var _ = (gofs.NodeLookuper)((*dirNode)(nil))
var _ = (gofs.NodeReaddirer)((*dirNode)(nil))
var _ = (gofs.NodeGetattrer)((*dirNode)(nil))

func (d *dirNode) join(name string) string {
	if d.path == "" {
		return name
	}
	return d.path + "/" + name
}

func (d *dirNode) attr(out *fuse.Attr, mtime time.Time) {
	// One link, as on btrfs, means that the link count does not tell the number
	// of subdirectories. With 2, some programs (find, for one) would look for
	// none.
	d.t.attr(out, syscall.S_IFDIR|d.t.dirMode, 0, mtime)
}

// Getattr asks the catalogue whether the directory still exists, except for the
// root, so that df and umount do not depend on the share.
func (d *dirNode) Getattr(ctx context.Context, _ gofs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	mtime := d.t.mounted
	if d.path != "" {
		e, no := d.t.at(ctx, d.path)
		if no != 0 {
			return no
		}
		mtime = e.mtime
	}
	d.attr(&out.Attr, mtime)
	out.SetTimeout(d.t.entryTimeout)
	return 0
}

func (d *dirNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofs.Inode,
	syscall.Errno) {
	at := d.join(name)
	if at == statusDirName && d.t.status != nil {
		n := &statusDir{node{t: d.t}}
		d.t.attr(&out.Attr, syscall.S_IFDIR|d.t.dirMode, 0, d.t.mounted)
		return d.NewInode(ctx, n, stable(syscall.S_IFDIR, at)), 0
	}
	if name == partitionsName {
		e, no := d.t.at(ctx, d.path)
		if no != 0 {
			return nil, no
		}
		if disk := e.disk(); disk != nil {
			return d.lookupPartitions(ctx, disk, at, out)
		}
	}
	if name == plainName && d.t.plain != nil {
		e, no := d.t.at(ctx, d.path)
		if no != 0 {
			return nil, no
		}
		if disk := e.disk(); disk != nil {
			return d.lookupPlain(ctx, disk, at, out)
		}
	}
	if name == filesName && d.t.guests != nil {
		e, no := d.t.at(ctx, d.path)
		if no != 0 {
			return nil, no
		}
		if disk := e.disk(); disk != nil && d.t.hasFiles(disk) {
			return d.lookupFiles(ctx, disk, at, out), 0
		}
	}
	e, no := d.t.at(ctx, at)
	if no != 0 {
		return nil, no
	}
	out.SetEntryTimeout(d.t.entryTimeout)
	out.SetAttrTimeout(fileAttrTimeout)
	switch e.kind {
	case dirKind, backupKind:
		n := &dirNode{node: node{t: d.t}, path: at}
		n.attr(&out.Attr, e.mtime)
		out.SetAttrTimeout(d.t.entryTimeout)
		return d.NewInode(ctx, n, stable(syscall.S_IFDIR, at)), 0
	case linkKind:
		n := &linkNode{node: node{t: d.t}, target: e.target(), mtime: e.mtime}
		n.attr(&out.Attr)
		return d.NewInode(ctx, n, stable(syscall.S_IFLNK, at, n.target, e.mtime.UnixNano())), 0
	case volumeKind:
		n := &volumeNode{node: node{t: d.t}, backup: *e.backup, size: e.backup.Size}
		n.attr(&out.Attr)
		return d.NewInode(ctx, n, stable(syscall.S_IFREG, at, n.size, e.mtime.UnixNano())), 0
	case infoKind:
		n := &infoNode{node: node{t: d.t}, backup: *e.backup}
		n.attr(&out.Attr)
		return d.NewInode(ctx, n, stable(syscall.S_IFREG, at, e.mtime.UnixNano())), 0
	default:
		n := &textNode{node: node{t: d.t}, kind: e.kind, backup: *e.backup}
		text, no := n.load(ctx)
		if no != 0 {
			return nil, no
		}
		n.size = int64(len(text))
		n.attr(&out.Attr)
		// A changed text is another inode, so the page cache never shows the
		// old one.
		return d.NewInode(ctx, n, stable(syscall.S_IFREG, at, sha256.Sum256(text))), 0
	}
}

func (d *dirNode) Readdir(ctx context.Context) (gofs.DirStream, syscall.Errno) {
	e, no := d.t.at(ctx, d.path)
	if no != 0 {
		return nil, no
	}
	parent := strings.TrimSuffix(path.Dir(d.path), ".")
	names := e.names()
	list := make([]fuse.DirEntry, 0, len(names)+2)
	list = append(list,
		fuse.DirEntry{Name: ".", Mode: syscall.S_IFDIR, Ino: inode(d.path)},
		fuse.DirEntry{Name: "..", Mode: syscall.S_IFDIR, Ino: inode(parent)})
	for _, name := range names {
		list = append(list, fuse.DirEntry{
			Name: name, Mode: typeBits(e.child(name).kind), Ino: inode(d.join(name))})
	}
	disk := e.disk()
	if disk != nil && d.t.listsPlain(ctx, disk) {
		list = append(list, fuse.DirEntry{Name: plainName, Mode: syscall.S_IFREG,
			Ino: inode(d.join(plainName))})
	}
	if disk != nil && d.t.listPartitions(ctx, disk) {
		list = append(list, fuse.DirEntry{Name: partitionsName, Mode: syscall.S_IFDIR,
			Ino: inode(d.join(partitionsName))})
	}
	if disk != nil && d.t.hasFiles(disk) {
		list = append(list, fuse.DirEntry{Name: filesName, Mode: syscall.S_IFDIR,
			Ino: inode(d.join(filesName))})
	}
	return gofs.NewListDirStream(list), 0
}
