package backupstore

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/share"
)

// CopyRange has the kernel copy up to n of the volume's bytes at off to the same offset of dst, and
// returns how many it copied. It copies none, without an error, if the bytes are not stored as they
// are, because no object has them or a compressed one has. The copy is not verified; the caller
// compares what dst then holds (Differs). An error that is errors.ErrUnsupported says that copying
// is impossible between this share and dst.
func (v *Volume) CopyRange(ctx context.Context, dst *os.File, off, n int64) (int64, error) {
	es := from(v.extents, off)
	if len(es) == 0 || es[0].off > off {
		return 0, nil
	}
	o := &v.objects[es[0].object]
	if o.Compression != format.None {
		return 0, nil
	}
	n = min(n, es[0].end-off)
	n, err := v.copyObject(ctx, o, dst, off, n)
	if err != nil {
		b := v.chain[o.layer]
		return 0, fmt.Errorf("backup %s: copy object %s for byte %d of the volume inside "+
			"the kernel: %w", b.ID, b.objectFile(o.Number), off, err)
	}
	return n, nil
}

func (v *Volume) copyObject(ctx context.Context, o *objectRef, dst *os.File,
	off, n int64) (int64, error) {
	files, path := v.catalog.files, v.chain[o.layer].objectFile(o.Number)
	f, err := files.acquire(ctx, path)
	if err != nil {
		return 0, err
	}
	defer files.release(f)
	c, ok := f.value.(share.Copier)
	if !ok {
		return 0, errors.ErrUnsupported
	}
	n, err = c.CopyTo(ctx, dst, off, off-o.Offset, n)
	if errors.Is(err, unix.EXDEV) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) {
		err = fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return n, err
}
