package fusefs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/restorefs/restorefs/fusefs/parttable"
)

const (
	partitionsName = "partitions"
	problemName    = "problem.txt"

	// listWait bounds how long listing a backup's directory waits for the partition table: the
	// object that holds the table may have to be proven first.
	listWait = time.Second
)

// table returns a backup's partition table. It is read at the first use, or at every use if the
// disk has been written. As a walk of the tree asks for the table of every backup, the disk is
// opened only if its digests do not show that the table equals that of another backup of the
// volume.
func (t *tree) table(ctx context.Context, b *Backup) (diskTable, error) {
	key := tableKey{b.ID, b.Size, b.CreatedAt.UnixNano()}
	written := t.catalog.Written(b.ID)
	if !written {
		if table, ok := t.tables.get(key); ok {
			return table, nil
		}
		if table, ok := t.alike(ctx, b); ok {
			t.tables.put(key, diskTable{Table: table})
			return diskTable{Table: table}, nil
		}
	}
	v, plain, err := t.readable(ctx, b.ID, t.catalog.Peek)
	if err != nil {
		return diskTable{}, fmt.Errorf("open the disk: %w", err)
	}
	defer v.Close()
	reader := &tableReader{ctx: ctx, v: v}
	table, err := parttable.Read(reader, v.Size())
	if ctx.Err() != nil {
		err = ctx.Err() // the table may lack what was not read
	}
	if err != nil {
		return diskTable{}, err
	}
	if len(table.Problems) > 0 {
		if _, ok := t.throttle.pass("table\x00" + b.ID); ok {
			t.log.Warn("the table of partitions is not as it should be", "backup", b.ID,
				"problems", strings.Join(table.Problems, "; "))
		}
	}
	if !written && !t.catalog.Written(b.ID) { // writing may have begun meanwhile
		t.tables.put(key, diskTable{table, plain})
		if digests, ok := v.(Digests); ok && t.plain == nil {
			t.tables.witness(ctx, b, digests, reader.read, table)
		}
	}
	return diskTable{table, plain}, nil
}

// alike returns the table of a backup if its digests show that it is that of another backup. With
// keys they are not asked for: those of an encrypted volume do not tell what is on its plain disk.
func (t *tree) alike(ctx context.Context, b *Backup) (parttable.Table, bool) {
	if t.plain != nil {
		return parttable.Table{}, false
	}
	digests, err := t.catalog.Digests(ctx, b.ID)
	if err != nil || digests == nil { // reading the disk gives the error, if there is one
		return parttable.Table{}, false
	}
	return t.tables.alike(ctx, b, digests)
}

// tableReader is an io.ReaderAt over a Disk, for one request.
type tableReader struct {
	ctx  context.Context
	v    Disk
	read []byteRange // the ranges read so far
}

type byteRange struct{ off, end int64 }

func (r *tableReader) ReadAt(p []byte, off int64) (int, error) {
	r.read = append(r.read, byteRange{off, off + int64(len(p))})
	data, err := r.v.Read(r.ctx, off, len(p))
	if err != nil {
		return 0, err
	}
	defer data.Release()
	n := 0
	for _, s := range data.Slices() {
		n += copy(p[n:], s)
	}
	return n, nil
}

// partitionsDir shows the partitions of a disk that has any.
type partitionsDir struct {
	node
	path   string
	backup Backup
}

var _ = (gofs.NodeLookuper)((*partitionsDir)(nil))
var _ = (gofs.NodeReaddirer)((*partitionsDir)(nil))
var _ = (gofs.NodeGetattrer)((*partitionsDir)(nil))

// lookupPartitions looks up partitions/, which a disk without a partition table does not have.
func (d *dirNode) lookupPartitions(ctx context.Context, b *Backup, at string,
	out *fuse.EntryOut) (*gofs.Inode, syscall.Errno) {
	ctx, answered := patient(ctx)
	defer answered()
	table, err := d.t.table(ctx, b)
	if err != nil {
		return nil, d.t.failTable(ctx, b, err)
	}
	if !worthShowing(table.Table) {
		return nil, syscall.ENOENT
	}
	n := &partitionsDir{node: node{t: d.t}, path: at, backup: *b}
	n.attr(&out.Attr)
	out.SetEntryTimeout(d.t.entryTimeout)
	out.SetAttrTimeout(d.t.entryTimeout)
	return d.NewInode(ctx, n, stable(syscall.S_IFDIR, at, b.Size, b.CreatedAt.UnixNano())), 0
}

// listPartitions says whether to list partitions/. If the table takes longer than listWait it is
// not listed, but can still be looked up by name.
func (t *tree) listPartitions(ctx context.Context, b *Backup) bool {
	ctx, answered := patient(ctx)
	defer answered()
	soon, cancel := context.WithTimeout(ctx, listWait)
	defer cancel()
	table, err := t.table(soon, b)
	if err != nil && soon.Err() == nil {
		t.failTable(ctx, b, err)
	}
	return err == nil && worthShowing(table.Table)
}

func (t *tree) failTable(ctx context.Context, b *Backup, err error) syscall.Errno {
	return t.fail(ctx, "read the table of partitions", b.ID, err, syscall.ENOENT)
}

func worthShowing(t parttable.Table) bool { return len(t.Partitions)+len(t.Problems) > 0 }

func (d *partitionsDir) attr(out *fuse.Attr) {
	d.t.attr(out, syscall.S_IFDIR|d.t.dirMode, 0, d.backup.CreatedAt)
}

func (d *partitionsDir) Getattr(_ context.Context, _ gofs.FileHandle,
	out *fuse.AttrOut) syscall.Errno {
	d.attr(&out.Attr)
	out.SetTimeout(d.t.entryTimeout)
	return 0
}

func partitionName(p parttable.Partition) string { return fmt.Sprintf("%d.raw", p.Number) }

func (d *partitionsDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofs.Inode,
	syscall.Errno) {
	ctx, answered := patient(ctx)
	defer answered()
	table, err := d.t.table(ctx, &d.backup)
	if err != nil {
		return nil, d.t.failTable(ctx, &d.backup, err)
	}
	out.SetEntryTimeout(d.t.entryTimeout)
	out.SetAttrTimeout(fileAttrTimeout)
	at := d.path + "/" + name
	if name == problemName && len(table.Problems) > 0 {
		text := fmt.Appendf(nil,
			"The table of partitions on the disk of backup %s is not as it should be:\n%s\n",
			d.backup.ID, strings.Join(table.Problems, "\n"))
		n := &textNode{node: node{t: d.t}, backup: d.backup, text: text, size: int64(len(text))}
		n.attr(&out.Attr)
		return d.NewInode(ctx, n, stable(syscall.S_IFREG, at, sha256.Sum256(text))), 0
	}
	for _, p := range table.Partitions {
		if name == partitionName(p) {
			n := &volumeNode{node: node{t: d.t}, backup: d.backup, size: p.Size, part: true,
				start: p.Start, plain: table.plain}
			n.attr(&out.Attr)
			return d.NewInode(ctx, n, stable(syscall.S_IFREG, at, p.Start, p.Size,
				table.plain, d.backup.CreatedAt.UnixNano())), 0
		}
	}
	return nil, syscall.ENOENT
}

func (d *partitionsDir) Readdir(ctx context.Context) (gofs.DirStream, syscall.Errno) {
	ctx, answered := patient(ctx)
	defer answered()
	table, err := d.t.table(ctx, &d.backup)
	if err != nil {
		return nil, d.t.failTable(ctx, &d.backup, err)
	}
	list := []fuse.DirEntry{
		{Name: ".", Mode: syscall.S_IFDIR, Ino: inode(d.path)},
		{Name: "..", Mode: syscall.S_IFDIR,
			Ino: inode(strings.TrimSuffix(d.path, "/"+partitionsName))},
	}
	add := func(name string) {
		list = append(list, fuse.DirEntry{Name: name, Mode: syscall.S_IFREG,
			Ino: inode(d.path + "/" + name)})
	}
	for _, p := range table.Partitions {
		add(partitionName(p))
	}
	if len(table.Problems) > 0 {
		add(problemName)
	}
	return gofs.NewListDirStream(list), 0
}

// openVolume opens the disk or, for a part, that part of the disk.
func (n *volumeNode) openVolume(ctx context.Context) (Disk, error) {
	v, err := n.openDisk(ctx)
	if err != nil {
		return nil, err
	}
	switch size := v.Size(); {
	case !n.part && size != n.size:
		err = fmt.Errorf("the volume has %d bytes, the catalogue says %d", size, n.size)
	case n.part && (n.size > size || n.start > size-n.size):
		err = fmt.Errorf("the volume has %d bytes, the partition lies at %d and has %d", size,
			n.start, n.size)
	case n.part:
		part := diskPart{v, n.start, n.size}
		if writable, ok := v.(WritableDisk); ok {
			return &writablePart{part, writable,
				func(off, size int64) { n.t.dropCached(n.backup.ID, off, size) }}, nil
		}
		return &part, nil
	}
	if err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}
