package restore

import (
	"context"
	"io"
	"iter"

	"github.com/restorefs/restorefs/fusefs/inside/luks"
	"github.com/restorefs/restorefs/materialize"
)

// decrypted is the plain disk of an encrypted volume. All of it is data: what was never written is
// zeros only before it is decrypted. It has no digests.
type decrypted struct {
	base   materialize.Source
	disk   luks.Disk
	linear bool // disk.Header().Linear()
}

var _ materialize.Source = (*decrypted)(nil)

// Size implements materialize.Source.
func (d *decrypted) Size() int64 { return d.disk.Size() }

// Align implements materialize.Source.
func (d *decrypted) Align() int { return max(d.base.Align(), d.disk.Header().SectorBytes) }

// Runs implements materialize.Source: those of the encrypted volume, without its header.
func (d *decrypted) Runs(ctx context.Context) iter.Seq2[materialize.Range, error] {
	return func(yield func(materialize.Range, error) bool) {
		start, size, done := d.disk.Header().Start, d.Size(), int64(0)
		for r, err := range d.base.Runs(ctx) {
			if err != nil {
				yield(r, err)
				return
			}
			end := min(r.Off+r.Len-start, size)
			if end <= done {
				continue
			}
			if !yield(materialize.Range{Off: done, Len: end - done}, nil) {
				return
			}
			done = end
		}
		if done < size { // an image in it may be larger than what it takes
			yield(materialize.Range{Off: done, Len: size - done}, nil)
		}
	}
}

// ReadAt implements materialize.Source.
func (d *decrypted) ReadAt(ctx context.Context, p []byte, off int64) error {
	n, err := d.disk.On(sourceReader{ctx, d.base}).ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	return err
}

// NextData implements materialize.Source.
func (d *decrypted) NextData(_ context.Context, off, end int64) (start, stop int64, err error) {
	return off, end, nil
}

// Differs implements materialize.Source.
func (d *decrypted) Differs(context.Context, []byte, int64) ([]materialize.Range, error) {
	return nil, materialize.ErrNoDigests
}

// below returns the ranges of the encrypted volume that ranges of the plain disk are made of; all
// of it where their places are not known without reading it.
func (d *decrypted) below(
	ranges iter.Seq2[materialize.Range, error],
) iter.Seq2[materialize.Range, error] {
	return func(yield func(materialize.Range, error) bool) {
		for r, err := range ranges {
			if !d.linear && err == nil {
				yield(materialize.Range{Len: d.base.Size()}, nil)
				return
			}
			r.Off += d.disk.Header().Start
			if left := d.base.Size() - r.Off; r.Len > left {
				r.Len = max(left, 0)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// above returns the whole sectors of the plain disk that are made of ranges of the encrypted
// volume, which are in order; those of the header and behind the data make none. Where their places
// are not known it returns all of the disk: any part of it may be made of them.
func (d *decrypted) above(ranges []materialize.Range) []materialize.Range {
	if !d.linear && len(ranges) > 0 {
		return []materialize.Range{{Len: d.Size()}}
	}
	var out []materialize.Range
	h := d.disk.Header()
	each, done := int64(h.SectorBytes), int64(0)
	for _, r := range ranges {
		off := max(r.Off-h.Start, done) / each * each
		end := min((r.Off+r.Len-h.Start+each-1)/each*each, d.Size())
		if end <= max(off, 0) {
			continue
		}
		if last := len(out) - 1; last >= 0 && off <= done {
			out[last].Len = end - out[last].Off
		} else {
			out = append(out, materialize.Range{Off: off, Len: end - off})
		}
		done = end
	}
	return out
}

// sourceReader is a volume as an io.ReaderAt, during one call.
type sourceReader struct {
	ctx context.Context
	v   materialize.Source
}

// ReadAt implements io.ReaderAt.
func (r sourceReader) ReadAt(p []byte, off int64) (int, error) {
	if left := r.v.Size() - off; int64(len(p)) > left {
		return 0, io.ErrUnexpectedEOF
	}
	if err := r.v.ReadAt(r.ctx, p, off); err != nil {
		return 0, err
	}
	return len(p), nil
}
