package overlay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
)

// copied is base as a volume to be copied. It holds its reader to what Lower
// promises: ranges of whole blocks, each read once and in order.
type copied struct {
	*base
	t      *testing.T
	align  int64
	from   int64 // of the range that is asked for, as to
	to     int64
	read   []Range
	failed error // of Differs
}

func (c *copied) Size() int64 { return c.size }
func (c *copied) Align() int  { return int(c.align) }

func (c *copied) Runs(context.Context) iter.Seq2[Range, error] {
	return func(yield func(Range, error) bool) { yield(Range{0, c.size}, nil) }
}

func (c *copied) ReadAt(ctx context.Context, p []byte, off int64) error {
	end := off + int64(len(p))
	if off%c.align != 0 && off != c.from || end%c.align != 0 && end != c.to {
		c.t.Errorf("bytes %d to %d are read of a volume in blocks of %d, for %d to %d", off, end, c.align, c.from, c.to)
	}
	if n := len(c.read); n > 0 && off < c.read[n-1].Off+c.read[n-1].Len {
		c.t.Errorf("bytes %d to %d are read after %v", off, end, c.read[n-1])
	}
	c.read = append(c.read, Range{off, int64(len(p))})
	return c.base.ReadAt(ctx, p, off)
}

// Differs compares blocks, as a list of digests does.
func (c *copied) Differs(ctx context.Context, p []byte, off int64) (out []Range, err error) {
	if off%c.align != 0 || (off+int64(len(p)))%c.align != 0 && off+int64(len(p)) != c.size {
		c.t.Errorf("%d bytes at %d are not of blocks of %d", len(p), off, c.align)
	}
	if c.failed != nil {
		return nil, c.failed
	}
	b := make([]byte, c.align)
	for at := 0; at < len(p); at += len(b) {
		b = b[:min(len(b), len(p)-at)]
		if err := c.base.ReadAt(ctx, b, off+int64(at)); err != nil {
			return nil, err
		}
		if !bytes.Equal(b, p[at:at+len(b)]) {
			out = append(out, Range{off + int64(at), int64(len(b))})
		}
	}
	return out, nil
}

// contents is the whole volume as it should be: base, and what was written.
func contents(t *testing.T, b *base, written map[int64][]byte) []byte {
	t.Helper()
	all := make([]byte, b.size)
	if err := b.ReadAt(t.Context(), all, 0); err != nil {
		t.Fatal(err)
	}
	for off, p := range written {
		copy(all[off:], p)
	}
	return all
}

func TestACopyThroughAnOverlayIsTheVolumeWithWhatWasWritten(t *testing.T) {
	const size = 1<<20 + 700
	random := rand.New(rand.NewPCG(7, 8))
	below := &base{size: size}
	key := Key{Backup: "11111111-aaaa", Size: size}
	o, err := Open(t.Context(), t.TempDir(), key, below, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	written := map[int64][]byte{}
	for n := range 24 {
		p := bytes.Repeat([]byte{byte(n + 1)}, []int{1, 4096, 8192, 40 << 10}[n%4])
		off := random.Int64N(size-int64(len(p))) / (1 + int64(n%2)*4095) * (1 + int64(n%2)*4095)
		clash := slices.ContainsFunc([]int64{off, off + int64(len(p))}, func(at int64) bool {
			for o, q := range written {
				if at >= o-40<<10 && at <= o+int64(len(q))+40<<10 {
					return true
				}
			}
			return false
		})
		if clash { // so that their order does not matter
			continue
		}
		if err := o.WriteAt(t.Context(), p, off); err != nil {
			t.Fatal(err)
		}
		written[off] = p
	}
	want := contents(t, below, written)
	for _, align := range []int64{512, 4096, 32 << 10, 3000, 2 << 20} {
		v := &copied{base: below, t: t, align: align}
		l := o.Over(v)
		for range 60 {
			off := random.Int64N(size)
			n := 1 + random.Int64N(min(size-off, 300<<10))
			v.from, v.to, v.read = off, off+n, nil
			got := make([]byte, n)
			if err := l.ReadAt(t.Context(), got, off); err != nil || !bytes.Equal(got, want[off:off+n]) {
				t.Fatalf("blocks of %d: %d bytes at %d are others (%v)", align, n, off, err)
			}
			for _, r := range v.read {
				if whole := ownedWhole(t, o, r, align); whole {
					t.Errorf("blocks of %d: %v was read, all of which the overlay has", align, r)
				}
			}
		}
		// Compared: what is there differs nowhere, and a changed byte in its block only.
		v.from, v.to, v.read = 0, size, nil
		if ranges, err := l.Differs(t.Context(), want, 0); err != nil || len(ranges) != 0 {
			t.Errorf("blocks of %d: equal bytes differ at %v (%v)", align, ranges, err)
		}
		for range 20 {
			at := random.Int64N(size)
			other := bytes.Clone(want)
			other[at]++
			v.read = nil
			ranges, err := l.Differs(t.Context(), other, 0)
			begin := at / align * align
			if err != nil || len(ranges) != 1 || ranges[0] != (Range{begin, min(align, size-begin)}) {
				t.Errorf("blocks of %d: a change at %d is at %v (%v)", align, at, ranges, err)
			}
		}
	}
}

// ownedWhole says whether the overlay has every byte of a range, which is not to
// be read below then.
func ownedWhole(t *testing.T, o *Overlay, r Range, align int64) bool {
	t.Helper()
	for off := r.Off; off < r.Off+r.Len; off += align - off%align {
		end := min(r.Off+r.Len, off+align-off%align)
		stop, written, err := o.Next(t.Context(), off, end)
		if err != nil {
			t.Fatal(err)
		}
		if written && stop == end {
			return true
		}
	}
	return false
}

func TestErrorsBelowAnOverlayAreToldAsTheyAre(t *testing.T) {
	o, err := Open(t.Context(), t.TempDir(), Key{Backup: "11111111-aaaa", Size: 64 << 10}, &base{size: 64 << 10}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := o.WriteAt(t.Context(), []byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	bad := fmt.Errorf("bad")
	p := make([]byte, 8192)
	if err := o.Merge(t.Context(), p, 0, func([]byte, int64) error { return bad }); err != bad || p[0] != 'x' {
		t.Errorf("%v, and %q", err, p[:1])
	}
	l := o.Over(&copied{base: &base{size: 64 << 10}, t: t, align: 4096, failed: bad})
	if _, err := l.Differs(t.Context(), p, 0); err != bad {
		t.Error(err)
	}
	// Those of its own files name the backup.
	if err := o.data.Truncate(0); err != nil {
		t.Fatal(err)
	}
	own, is := errors.AsType[*Error](o.ReadAt(t.Context(), p, 0))
	if !is || own.Backup != "11111111-aaaa" || !errors.Is(own, ErrDamaged) {
		t.Errorf("%v", own)
	}
	if err := o.ReadAt(t.Context(), p, 60<<10); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("a read past the end: %v", err)
	}
}
