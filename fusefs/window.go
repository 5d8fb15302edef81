package fusefs

import "context"

// window is a part of a volume that is served as a file of its own. It reads
// and writes through the volume.
type window struct {
	Disk        // closed with the window
	start, size int64
}

func (w *window) Size() int64 { return w.size }

func (w *window) Read(ctx context.Context, off int64, n int) (Data, error) {
	return w.Disk.Read(ctx, w.start+off, n)
}

func (w *window) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	start, stop, err = w.Disk.NextData(ctx, w.start+off, w.start+end)
	return start - w.start, stop - w.start, err
}

// writableWindow calls drop with the range of the volume before each write, so
// that dirty pages of the kernel do not overwrite it later, and again after the
// write and before it is acknowledged, as the kernel itself does for direct
// writes.
type writableWindow struct {
	window
	volume WritableDisk
	drop   func(off, n int64)
}

func (w *writableWindow) WriteAt(ctx context.Context, p []byte, off int64) error {
	w.drop(w.start+off, int64(len(p)))
	defer w.drop(w.start+off, int64(len(p)))
	return w.volume.WriteAt(ctx, p, w.start+off)
}

func (w *writableWindow) Zero(ctx context.Context, off, n int64) error {
	w.drop(w.start+off, n)
	defer w.drop(w.start+off, n)
	return w.volume.Zero(ctx, w.start+off, n)
}

func (w *writableWindow) Allocate(ctx context.Context, off, n int64) error {
	return w.volume.Allocate(ctx, w.start+off, n)
}

func (w *writableWindow) Sync(ctx context.Context) error { return w.volume.Sync(ctx) }
