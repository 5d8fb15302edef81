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

// writableWindow calls drop, with a range of the volume, before a write, lest
// what the kernel has of it and has yet to write comes on top, and after it,
// before it is acknowledged: as the kernel does at direct writes.
type writableWindow struct {
	window
	volume WritableVolume
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
