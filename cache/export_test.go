package cache

import "context"

// ReadAt fills p with Reads of what Cached.ReadAt reads at once.
func (r *Reader) ReadAt(ctx context.Context, p []byte, off int64) error {
	for len(p) > 0 {
		n := min(len(p), copyBytes-int(off%copyBytes))
		view, err := r.Read(ctx, off, n)
		if err != nil {
			return err
		}
		view.copyTo(p[:n])
		view.Release()
		p, off = p[n:], off+int64(n)
	}
	return nil
}
