package fusefs

import (
	"context"
	"syscall"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

var _ = (gofs.NodeSetattrer)((*volumeNode)(nil))
var _ = (gofs.FileWriter)((*volumeHandle)(nil))
var _ = (gofs.FileFsyncer)((*volumeHandle)(nil))
var _ = (gofs.FileFlusher)((*volumeHandle)(nil))
var _ = (gofs.FileAllocater)((*volumeHandle)(nil))

// mayOpen says whether a disk may be opened with these flags.
func (t *tree) mayOpen(flags uint32) syscall.Errno {
	switch {
	case !t.writable && writes(flags):
		return syscall.EROFS
	case flags&syscall.O_TRUNC != 0: // the kernel otherwise truncates by Setattr
		return syscall.EPERM
	}
	return 0
}

// openFor makes the handle writable if the flags ask for that, and returns
// FUSE's flags for the open file.
//
// The kernel writes through its page cache (no FUSE_WRITEBACK_CACHE): a write
// is acknowledged by the Disk, or fails, before write(2) returns. The cache
// of one file is coherent for all its users, direct I/O and mappings included.
// A part is another file with the same bytes, so it has no cache, and a write
// through it drops the disk's cached pages (dropCached). What was cached of a
// disk that nobody had open is dropped when it is opened.
func (h *volumeHandle) openFor(flags uint32) (fuseFlags uint32, no syscall.Errno) {
	w, ok := h.volume.(WritableDisk)
	if !h.t.writable || !ok {
		if writes(flags) {
			return 0, syscall.EROFS
		}
		return fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_NOFLUSH, 0
	}
	if h.node.part {
		fuseFlags = fuse.FOPEN_DIRECT_IO
	}
	if !writes(flags) {
		return fuseFlags | fuse.FOPEN_NOFLUSH, 0
	}
	h.writes = w
	// Not every kernel sends an FSYNC after such a write.
	h.dsync = flags&syscall.O_DSYNC != 0
	return fuseFlags, 0
}

// Write never changes the size of a disk: as with a block device, a write
// across the end is short, and one behind the end fails.
func (h *volumeHandle) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	switch {
	case h.writes == nil:
		return 0, syscall.EBADF
	case off < 0:
		return 0, syscall.EINVAL
	case len(data) == 0:
		return 0, 0
	case off >= h.size:
		return 0, syscall.EFBIG
	}
	ctx, answered := patient(ctx)
	defer answered()
	data = data[:min(int64(len(data)), h.size-off)]
	err := h.writes.WriteAt(ctx, data, off)
	if err == nil && h.dsync {
		err = h.writes.Sync(ctx)
	}
	if err != nil {
		return 0, h.t.fail(ctx, "write", h.id, err, syscall.ESTALE, "offset", off,
			"length", len(data))
	}
	return uint32(len(data)), 0
}

func (h *volumeHandle) Fsync(ctx context.Context, _ uint32) syscall.Errno {
	if h.writes == nil {
		return 0
	}
	ctx, answered := patient(ctx)
	defer answered()
	return h.t.fail(ctx, "sync", h.id, h.writes.Sync(ctx), syscall.ESTALE)
}

// Flush is called for each close(2), which returns 0 only if all that was
// written is safe.
func (h *volumeHandle) Flush(ctx context.Context) syscall.Errno { return h.Fsync(ctx, 0) }

// Allocate is fallocate(2). Loop devices turn a discard into a request to punch
// a hole, and rely on reading zeros there afterwards.
func (h *volumeHandle) Allocate(ctx context.Context, off, size uint64, mode uint32) syscall.Errno {
	if h.writes == nil {
		return syscall.EBADF
	}
	ctx, answered := patient(ctx)
	defer answered()
	keep := mode&unix.FALLOC_FL_KEEP_SIZE != 0
	beyond := off > uint64(h.size) || size > uint64(h.size)-off
	if beyond && !keep {
		return syscall.EFBIG // the disk does not grow
	}
	n := int64(0)
	if off < uint64(h.size) {
		n = int64(min(size, uint64(h.size)-off))
	}
	var err error
	switch mode &^ unix.FALLOC_FL_KEEP_SIZE {
	case unix.FALLOC_FL_PUNCH_HOLE, unix.FALLOC_FL_ZERO_RANGE:
		if n > 0 {
			err = h.writes.Zero(ctx, int64(off), n)
		}
	case 0:
		if n > 0 {
			err = h.writes.Allocate(ctx, int64(off), n)
		}
	default:
		return syscall.EOPNOTSUPP
	}
	if err == nil && h.dsync {
		err = h.writes.Sync(ctx)
	}
	return h.t.fail(ctx, "allocate", h.id, err, syscall.ESTALE, "offset", off, "length", size)
}

// Setattr accepts a truncation to the present size, and ignores changes of
// times. It refuses everything else.
func (n *volumeNode) Setattr(_ context.Context, _ gofs.FileHandle, in *fuse.SetAttrIn,
	out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok && size != uint64(n.size) {
		return syscall.EPERM
	}
	if in.Valid&(fuse.FATTR_MODE|fuse.FATTR_UID|fuse.FATTR_GID) != 0 {
		return syscall.EPERM
	}
	n.attr(&out.Attr)
	out.SetTimeout(fileAttrTimeout)
	return 0
}

// The tree of a writable mount cannot be changed: for methods that a node does
// not implement, go-fuse answers ENOTSUP or EROFS, but these two would succeed.

var _ = (gofs.NodeUnlinker)((*node)(nil))
var _ = (gofs.NodeRmdirer)((*node)(nil))

// Unlink refuses.
func (n *node) Unlink(context.Context, string) syscall.Errno { return syscall.EPERM }

// Rmdir refuses.
func (n *node) Rmdir(context.Context, string) syscall.Errno { return syscall.EPERM }
