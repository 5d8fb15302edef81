package fusefs

import (
	"context"
	"errors"
	"syscall"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// plainName is the plain disk of an encrypted volume.
const plainName = "volume.plain.raw"

// openPlain opens the plain disk of a backup; nil if there is none.
func (t *tree) openPlain(ctx context.Context, id string) (Disk, error) {
	if t.plain == nil {
		return nil, nil
	}
	return t.plain(ctx, id)
}

// readable opens the disk on which partitions and files are: the plain one if there is one, else
// what open opens.
func (t *tree) readable(ctx context.Context, id string,
	open func(context.Context, string) (Disk, error)) (v Disk, plain bool, err error) {
	if v, err = t.openPlain(ctx, id); v != nil || err != nil {
		return v, v != nil, err
	}
	v, err = open(ctx, id)
	return v, false, err
}

// listsPlain says whether a backup has a plain disk. To find that out can take seconds, for which
// it does not wait: the name can be looked up meanwhile.
func (t *tree) listsPlain(ctx context.Context, b *Backup) bool {
	if t.plain == nil {
		return false
	}
	soon, cancel := context.WithTimeout(ctx, listWait)
	defer cancel()
	v, err := t.openPlain(soon, b.ID)
	if err != nil && soon.Err() == nil {
		t.fail(ctx, "open the plain disk", b.ID, err, syscall.ENOENT)
	}
	if err != nil || v == nil {
		return false
	}
	return v.Close() == nil
}

// lookupPlain looks up the plain disk.
func (d *dirNode) lookupPlain(ctx context.Context, b *Backup, at string,
	out *fuse.EntryOut) (*gofs.Inode, syscall.Errno) {
	ctx, answered := patient(ctx)
	defer answered()
	v, err := d.t.openPlain(ctx, b.ID)
	if err != nil {
		return nil, d.t.fail(ctx, "open the plain disk", b.ID, err, syscall.ENOENT)
	}
	if v == nil {
		return nil, syscall.ENOENT
	}
	size := v.Size()
	if err := v.Close(); err != nil {
		return nil, d.t.fail(ctx, "close the plain disk", b.ID, err, syscall.EIO)
	}
	out.SetEntryTimeout(d.t.entryTimeout)
	out.SetAttrTimeout(fileAttrTimeout)
	n := &volumeNode{node: node{t: d.t}, backup: *b, size: size, plain: true}
	n.attr(&out.Attr)
	return d.NewInode(ctx, n, stable(syscall.S_IFREG, at, size, b.CreatedAt.UnixNano())), 0
}

// openDisk opens the disk that the node is, or is part of.
func (n *volumeNode) openDisk(ctx context.Context) (Disk, error) {
	if !n.plain {
		return n.t.catalog.Open(ctx, n.backup.ID)
	}
	v, err := n.t.openPlain(ctx, n.backup.ID)
	if err == nil && v == nil {
		return nil, errLocked // and not what lies there on the encrypted one
	}
	return v, err
}

// errLocked is the error for a plain disk that was there and is not any more.
var errLocked = errors.New("no key opens the volume any more")
