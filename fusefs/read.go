package fusefs

import (
	"context"
	"fmt"
	"syscall"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// maxSlices bounds the slices of one reply that are given to writev(2) without a copy: IOV_MAX is
// 1024, and go-fuse puts two headers in front.
const maxSlices = 1022

// volumeNode is a volume.raw, a volume.plain.raw, or a part of one: a partition.
type volumeNode struct {
	node
	backup Backup
	size   int64
	part   bool
	plain  bool  // it is the plain disk of an encrypted volume, or a part of that if there is one
	start  int64 // of the part
}

var _ = (gofs.NodeOpener)((*volumeNode)(nil))
var _ = (gofs.NodeGetattrer)((*volumeNode)(nil))

func (n *volumeNode) attr(out *fuse.Attr) {
	n.t.attr(out, syscall.S_IFREG|n.t.diskMode, n.size, n.backup.CreatedAt)
}

func (n *volumeNode) Getattr(_ context.Context, _ gofs.FileHandle,
	out *fuse.AttrOut) syscall.Errno {
	n.attr(&out.Attr)
	out.SetTimeout(fileAttrTimeout)
	return 0
}

func (n *volumeNode) Open(ctx context.Context, flags uint32) (gofs.FileHandle, uint32,
	syscall.Errno) {
	ctx, answered := patient(ctx)
	defer answered()
	if no := n.t.mayOpen(flags); no != 0 {
		return nil, 0, no
	}
	v, err := n.openVolume(ctx)
	if err != nil {
		return nil, 0, n.t.fail(ctx, "open the backup", n.backup.ID, err, syscall.ENOENT)
	}
	h := &volumeHandle{t: n.t, node: n, id: n.backup.ID, volume: v, size: n.size}
	fuseFlags, no := h.openFor(flags)
	if no != 0 {
		h.close()
		return nil, 0, no
	}
	n.t.handlesMu.Lock()
	n.t.handles[h] = struct{}{}
	n.t.handlesMu.Unlock()
	return h, fuseFlags, 0
}

// volumeHandle is one open volumeNode. The kernel sends the release after the last read has been
// answered.
type volumeHandle struct {
	t      *tree
	node   *volumeNode
	id     string
	volume Disk
	size   int64

	writes WritableDisk // volume, if it was opened for writing, else nil
	dsync  bool         // every write is to be synced (O_DSYNC)
}

var _ = (gofs.FileReader)((*volumeHandle)(nil))
var _ = (gofs.FileLseeker)((*volumeHandle)(nil))
var _ = (gofs.FileReleaser)((*volumeHandle)(nil))

func (h *volumeHandle) Read(ctx context.Context, dest []byte,
	off int64) (fuse.ReadResult, syscall.Errno) {
	if off < 0 || off >= h.size {
		return fuse.ReadResultData(nil), 0
	}
	n := int(min(int64(len(dest)), h.size-off))
	ctx, answered := patient(ctx)
	defer answered()
	data, err := h.volume.Read(ctx, off, n)
	if err != nil {
		return nil, h.t.fail(ctx, "read", h.id, err, syscall.ESTALE, "offset", off, "length", n)
	}
	slices := data.Slices()
	if got := total(slices); got != n {
		data.Release()
		err := fmt.Errorf("got %d bytes: a bug of restorefs, please report it", got)
		return nil, h.t.fail(ctx, "read", h.id, err, syscall.EIO, "offset", off, "length", n)
	}
	if len(slices) > maxSlices {
		dest = dest[:0]
		for _, s := range slices {
			dest = append(dest, s...)
		}
		data.Release()
		return fuse.ReadResultData(dest), 0
	}
	return &result{data: data, slices: slices, size: n}, 0
}

// Lseek finds data and holes, for cp, qemu-img and the like. Where NextData fails it reports data:
// reading that gives the error.
func (h *volumeHandle) Lseek(ctx context.Context, off uint64,
	whence uint32) (uint64, syscall.Errno) {
	if off >= uint64(h.size) {
		return 0, syscall.ENXIO
	}
	pos := int64(off)
	ctx, answered := patient(ctx)
	defer answered()
	switch whence {
	case unix.SEEK_DATA:
		start, _, no := h.nextData(ctx, pos)
		if no == 0 && start == h.size {
			no = syscall.ENXIO
		}
		return uint64(start), no
	case unix.SEEK_HOLE:
		for pos < h.size {
			start, stop, no := h.nextData(ctx, pos)
			if no != 0 {
				return 0, no
			}
			if start > pos {
				break
			}
			pos = stop
		}
		return uint64(pos), 0
	default:
		return 0, syscall.EINVAL
	}
}

func (h *volumeHandle) nextData(ctx context.Context, off int64) (start, stop int64,
	no syscall.Errno) {
	if ctx.Err() != nil {
		return 0, 0, syscall.EINTR
	}
	start, stop, err := h.volume.NextData(ctx, off, h.size)
	if err == nil && start == h.size {
		return start, h.size, 0
	}
	if err == nil && (start < off || stop <= start || stop > h.size) {
		err = fmt.Errorf("got the range [%d, %d): a bug of restorefs, please report it",
			start, stop)
	}
	if err != nil {
		if h.t.fail(ctx, "look for holes", h.id, err, syscall.ESTALE, "offset", off,
			"length", h.size-off) == syscall.EINTR {
			return 0, 0, syscall.EINTR
		}
		return off, h.size, 0
	}
	return start, stop, 0
}

func (h *volumeHandle) Release(context.Context) syscall.Errno {
	h.t.handlesMu.Lock()
	delete(h.t.handles, h)
	h.t.handlesMu.Unlock()
	h.close()
	return 0
}

func (h *volumeHandle) close() {
	if err := h.volume.Close(); err != nil {
		h.t.log.Warn("cannot close the backup", "backup", h.id, "err", err)
	}
}

// closeAll closes the handles that the kernel has not released: it releases none when the
// connection is aborted. It must be called when no request is running any more.
func (t *tree) closeAll() {
	t.handlesMu.Lock()
	left := t.handles
	t.handles = make(map[*volumeHandle]struct{})
	t.handlesMu.Unlock()
	for h := range left {
		h.close()
	}
}

// result is a fuse.ReadResult. go-fuse finds the method Slices by its name, writes the slices with
// one writev(2), and then calls Done. Should it stop looking for Slices, it would call Bytes, which
// copies; a test notices that by the number of calls of Data.Slices, one for each read, two if
// Bytes was called.
type result struct {
	data   Data
	slices [][]byte
	size   int
}

var _ fuse.ReadResult = (*result)(nil)

func (r *result) Slices() ([][]byte, fuse.Status) { return r.slices, fuse.OK }

func (r *result) Size() int { return r.size }

func (r *result) Done() { r.data.Release() }

func (r *result) Bytes(buf []byte) ([]byte, fuse.Status) {
	buf = buf[:0]
	for _, s := range r.data.Slices() {
		buf = append(buf, s...)
	}
	return buf, fuse.OK
}

func total(slices [][]byte) int {
	n := 0
	for _, s := range slices {
		n += len(s)
	}
	return n
}
