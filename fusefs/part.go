package fusefs

import "context"

// diskPart is a part of a volume that is served as a file of its own. It reads
// and writes through the volume.
type diskPart struct {
	Disk        // closed with the part
	start, size int64
}

func (p *diskPart) Size() int64 { return p.size }

func (p *diskPart) Read(ctx context.Context, off int64, n int) (Data, error) {
	return p.Disk.Read(ctx, p.start+off, n)
}

func (p *diskPart) NextData(ctx context.Context, off, end int64) (start, stop int64, err error) {
	start, stop, err = p.Disk.NextData(ctx, p.start+off, p.start+end)
	return start - p.start, stop - p.start, err
}

// writablePart calls drop with the range of the volume before each write, so
// that dirty pages of the kernel do not overwrite it later, and again after the
// write and before it is acknowledged, as the kernel itself does for direct
// writes.
type writablePart struct {
	diskPart
	volume WritableDisk
	drop   func(off, n int64)
}

func (p *writablePart) WriteAt(ctx context.Context, data []byte, off int64) error {
	p.drop(p.start+off, int64(len(data)))
	defer p.drop(p.start+off, int64(len(data)))
	return p.volume.WriteAt(ctx, data, p.start+off)
}

func (p *writablePart) Zero(ctx context.Context, off, n int64) error {
	p.drop(p.start+off, n)
	defer p.drop(p.start+off, n)
	return p.volume.Zero(ctx, p.start+off, n)
}

func (p *writablePart) Allocate(ctx context.Context, off, n int64) error {
	return p.volume.Allocate(ctx, p.start+off, n)
}

func (p *writablePart) Sync(ctx context.Context) error { return p.volume.Sync(ctx) }
