package seekable

import (
	"context"
	"fmt"

	"github.com/restorefs/restorefs/backupstore/seekable/index"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// CheckEnd checks that what is stored ends where the object does, decoding from
// the last checkpoint on unless a read has come to the end already. The error wraps stream.ErrCorrupt or
// io.ErrUnexpectedEOF if not. Bytes behind the end of a compressed stream are
// allowed, as Cinder allows them.
func (o *Object) CheckEnd(ctx context.Context) error {
	if o.alg == Raw {
		if n := o.src.Size(); n != o.length {
			return fmt.Errorf("%w: %d bytes are stored, not %d", stream.ErrCorrupt, n, o.length)
		}
		return nil
	}
	if o.endsRight.Load() {
		return nil
	}
	for {
		var at index.Entry
		found, epoch := false, o.nowEpoch()
		if o.index != nil {
			at, found = o.index.Before(o.length)
		}
		d := &decoder{object: o, epoch: epoch}
		again, err := o.start(ctx, d, at, found)
		if err != nil {
			return err
		}
		if again {
			continue
		}
		_, err = d.Skip(ctx, o.length-d.Offset())
		if err == nil {
			err = d.Finish(ctx)
		}
		o.engine.drop(d)
		if again, err = o.outgrown(false, err); again {
			continue
		}
		return unexpected(err)
	}
}
