package fusefs

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"syscall"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

const (
	// defaultEntryTimeout is how long the kernel may remember a name: how late
	// a new or deleted backup is noticed.
	defaultEntryTimeout = 5 * time.Second

	// fileAttrTimeout is for files and links, whose attributes never change.
	fileAttrTimeout = time.Hour
)

// tree is what all nodes of one mount share.
type tree struct {
	catalog      Catalog
	log          *slog.Logger
	uid, gid     uint32
	fileMode     uint32
	diskMode     uint32 // of volume.raw
	writable     bool
	dirMode      uint32
	entryTimeout time.Duration
	mounted      time.Time
	throttle     throttle
	status       func() ([]byte, error)                             // may be nil
	plain        func(ctx context.Context, id string) (Disk, error) // may be nil

	layoutMu sync.Mutex // guards listing and root
	listing  []Backup
	root     *entry // layout(listing); nil: nothing was listed yet

	tables tables
	guests *guests // nil: files are not shown

	handlesMu sync.Mutex
	handles   map[*volumeHandle]struct{}

	drops *drops
}

func newTree(c Catalog, o Options, log *slog.Logger) *tree {
	t := &tree{
		catalog:      c,
		log:          log,
		uid:          uint32(syscall.Geteuid()),
		gid:          uint32(syscall.Getegid()),
		fileMode:     uint32(o.Mode.Perm()) &^ 0o333,
		writable:     o.Writable,
		entryTimeout: o.entryTimeout,
		status:       o.Status,
		plain:        o.Plain,
		mounted:      time.Now(),
		handles:      make(map[*volumeHandle]struct{}),
		drops:        newDrops(),
	}
	if o.Owner != nil {
		t.uid, t.gid = o.Owner.UID, o.Owner.GID
	}
	if t.fileMode == 0 {
		t.fileMode = 0o400
	}
	t.diskMode = t.fileMode
	if t.writable {
		t.diskMode |= uint32(o.Mode.Perm())&0o222 | 0o200
	}
	// Whoever may read the files in a directory may enter it.
	t.dirMode = t.fileMode | t.fileMode>>2
	if o.Files != nil {
		t.guests = newGuests(t, *o.Files)
	}
	if t.entryTimeout == 0 {
		t.entryTimeout = defaultEntryTimeout
	}
	return t
}

// at returns the entry at a path according to the current listing.
func (t *tree) at(ctx context.Context, path string) (*entry, syscall.Errno) {
	ctx, answered := patient(ctx)
	defer answered()
	list, err := t.catalog.Backups(ctx)
	if err != nil {
		return nil, t.fail(ctx, "list backups", "", err, syscall.EIO)
	}
	e := t.layout(list).find(path)
	if e == nil {
		return nil, syscall.ENOENT
	}
	return e, 0
}

// layout returns the tree for a list of backups; if list is the same slice as
// last time, that tree.
func (t *tree) layout(list []Backup) *entry {
	same := func() bool {
		return len(list) == len(t.listing) && (len(list) == 0 || &list[0] == &t.listing[0])
	}
	t.layoutMu.Lock()
	root := t.root
	if root != nil && same() {
		t.layoutMu.Unlock()
		return root
	}
	t.layoutMu.Unlock()

	root = layout(list)
	t.layoutMu.Lock()
	t.listing, t.root = list, root
	t.layoutMu.Unlock()
	return root
}

// fail turns an error into an errno, and logs the error unless the caller gave
// up.
func (t *tree) fail(ctx context.Context, doing, backup string, err error, gone syscall.Errno,
	attrs ...any) syscall.Errno {
	no := errno(ctx, err, gone)
	if no == 0 || no == syscall.EINTR {
		return no
	}
	suppressed, ok := t.throttle.pass(doing + "\x00" + backup + "\x00" + no.Error())
	if !ok {
		return no
	}
	attrs = append([]any{"backup", backup}, attrs...)
	attrs = append(attrs, "err", err, "errno", no.Error())
	if suppressed > 0 {
		attrs = append(attrs, "suppressed", suppressed)
	}
	t.log.Error("cannot "+doing, attrs...)
	return no
}

// node is embedded in every node of the tree.
type node struct {
	gofs.Inode
	t *tree
}

var _ = (gofs.NodeStatfser)((*node)(nil))

// Statfs returns the longest length of names, as programs believe a 0, and the
// size of all disks together, as df leaves out a mount of 0 bytes. No space is
// free: what is written to a disk takes space elsewhere.
func (n *node) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	out.NameLen = maxNameBytes
	out.Bsize = blksize
	out.Frsize = blksize
	bytes, disks := n.t.total(ctx)
	out.Blocks = bytes / blksize
	out.Files = disks
	return 0
}

// total returns the number of disks and their size together, as far as they are
// known: df must not wait for the share longer than listWait.
func (t *tree) total(ctx context.Context) (bytes, disks uint64) {
	t.layoutMu.Lock()
	list, known := t.listing, t.root != nil
	t.layoutMu.Unlock()
	if !known {
		soon, cancel := context.WithTimeout(ctx, listWait)
		defer cancel()
		list, _ = t.catalog.Backups(soon)
	}
	for _, b := range list {
		if b.Size > 0 && bytes < math.MaxInt64 { // both are below 2^63, so the sum fits
			bytes += uint64(b.Size)
			disks++
		}
	}
	return bytes, disks
}

// blksize is st_blksize. It must not be 0, or go-fuse would make up st_blocks.
const blksize = 4096

func (t *tree) attr(out *fuse.Attr, mode uint32, size int64, mtime time.Time) {
	out.Mode = mode
	out.Uid, out.Gid = t.uid, t.gid
	out.Nlink = 1
	out.Size = uint64(size)
	out.Blksize = blksize
	out.Blocks = blocks(size)
	if mtime.IsZero() {
		mtime = time.Unix(0, 0)
	}
	out.SetTimes(&mtime, &mtime, &mtime)
}

// blocks returns st_blocks, in units of 512 bytes: one less than the size
// takes, so that cp looks for holes, but never 0 for data, which GNU tar would
// take for a single hole.
func blocks(size int64) uint64 {
	if size <= 0 {
		return 0
	}
	return uint64(max(1, size/512-1))
}

const rootInode = 1

// inode returns the inode number of a path: a hash, so that it survives a
// remount. It is never 0, the root's 1, or the reserved ^0.
func inode(path string) uint64 {
	if path == "" {
		return rootInode
	}
	h := sha256.Sum256([]byte(path))
	return binary.BigEndian.Uint64(h[:])>>2 | 1<<62
}

// stable returns the identity of a node. go-fuse and the kernel take two nodes
// with the same identity for the same file, page cache included, so what the
// path shows is hashed into the generation.
func stable(mode uint32, path string, shows ...any) gofs.StableAttr {
	h := sha256.Sum256(fmt.Appendf(nil, "%q %q", path, fmt.Sprintln(shows...)))
	return gofs.StableAttr{
		Mode: mode,
		Ino:  inode(path),
		Gen:  uint64(binary.BigEndian.Uint32(h[:])),
	}
}

func typeBits(k kind) uint32 {
	switch k {
	case dirKind, backupKind:
		return syscall.S_IFDIR
	case linkKind:
		return syscall.S_IFLNK
	default:
		return syscall.S_IFREG
	}
}
