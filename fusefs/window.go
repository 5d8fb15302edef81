package fusefs

import "context"

// window is a part of a volume, served as a file of its own. It shares the
// volume's memory, and its writes.
type window struct {
	Volume      // which it closes
	start, size int64
}

func (w *window) Size() int64 { return w.size }

func (w *window) Read(ctx context.Context, off int64, n int) (Data, error) {
	return w.Volume.Read(ctx, w.start+off, n)
}

func (w *window) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	start, stop, err = w.Volume.NextData(ctx, w.start+off, w.start+end)
	return start - w.start, stop - w.start, err
}

// writableWindow calls changed, with a range of the volume, when that may have
// been written and before the write is acknowledged.
type writableWindow struct {
	window
	volume  WritableVolume
	changed func(off, n int64)
}

func (w *writableWindow) WriteAt(ctx context.Context, p []byte, off int64) error {
	defer w.changed(w.start+off, int64(len(p)))
	return w.volume.WriteAt(ctx, p, w.start+off)
}

func (w *writableWindow) Zero(ctx context.Context, off, n int64) error {
	defer w.changed(w.start+off, n)
	return w.volume.Zero(ctx, w.start+off, n)
}

func (w *writableWindow) Allocate(ctx context.Context, off, n int64) error {
	return w.volume.Allocate(ctx, w.start+off, n)
}

func (w *writableWindow) Sync(ctx context.Context) error { return w.volume.Sync(ctx) }
