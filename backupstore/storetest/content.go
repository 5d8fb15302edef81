package storetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"sort"
)

// Content is the bytes of a volume. ReadAt is as of io.ReaderAt and safe for
// concurrent use; the same offset always gives the same bytes.
type Content interface {
	io.ReaderAt
	Size() int64
}

// sparse is a Content that knows where it is zero. Data returns the first range
// at or after off that may hold other bytes; start is Size if there is none.
type sparse interface {
	Data(off int64) (start, end int64)
}

// Bytes is Content in memory.
func Bytes(b []byte) Content { return bytes.NewReader(b) }

// Zeros is a blank disk of size bytes.
func Zeros(size int64) Content { return zeros(size) }

// Random is noise, which no compressor shrinks.
func Random(size int64, seed uint64) Content {
	start := mix(seed)
	return generated{size, wordBytes, func(p []byte, i int64) {
		binary.LittleEndian.PutUint64(p, mix(start+uint64(i)))
	}}
}

// Text is lines like those of a log; compressors shrink it to about a tenth.
func Text(size int64, seed uint64) Content {
	start := mix(seed)
	return generated{size, lineBytes, func(p []byte, i int64) {
		h := mix(start + uint64(i))
		copy(p, sentences[h%uint64(len(sentences))])
		for j := range 4 {
			p[j] = "0123456789abcdef"[h>>(8+4*j)&15]
		}
	}}
}

// Disk is like a disk in use: half of its runs of 256 KiB are zero, the others
// are text and noise in the ratio of two to one. It knows where it is zero.
func Disk(size int64, seed uint64) Content {
	return disk{size, seed, Text(size, seed), Random(size, seed)}
}

// Overlay is base, except that the bytes in the given extents are those of
// with. Extents may neither overlap nor reach beyond base; with must cover
// them, but may be shorter than base.
func Overlay(base, with Content, extents ...Extent) Content {
	sorted := append([]Extent(nil), extents...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].Offset < sorted[j].Offset })
	at := int64(0)
	for _, e := range sorted {
		if e.Offset < at || e.Length <= 0 || e.Offset+e.Length > min(base.Size(), with.Size()) {
			panic(fmt.Sprintf(
				"storetest: extent %+v overlaps another or reaches beyond the content", e))
		}
		at = e.Offset + e.Length
	}
	return overlay{base, with, sorted}
}

type zeros int64

func (z zeros) Size() int64                   { return int64(z) }
func (z zeros) Data(int64) (start, end int64) { return int64(z), int64(z) }
func (z zeros) ReadAt(p []byte, off int64) (int, error) {
	n, err := within(p, off, int64(z))
	clear(p[:n])
	return n, err
}

const (
	wordBytes = 8
	lineBytes = 64
)

var sentences = func() (out [8]string) {
	for i, s := range [8]string{
		"the quick brown fox jumps over the lazy dog",
		"INSERT INTO accounts VALUES (17, 'night shift', 4.25)",
		"kernel: EXT4-fs (vda1): mounted filesystem",
		"GET /index.html HTTP/1.1 200 5120 curl/8.5",
		"all work and no play makes a dull log file",
		"sshd: session opened for user root by (uid=0)",
		"cron: (root) CMD (run-parts /etc/cron.hourly)",
		"systemd: Started Daily apt download activities",
	} {
		out[i] = fmt.Sprintf("....: %-*s\n", lineBytes-7, s)
	}
	return out
}()

// generated is content in units, which fill makes from their index.
type generated struct {
	size int64
	unit int
	fill func(p []byte, i int64)
}

func (g generated) Size() int64 { return g.size }

func (g generated) ReadAt(p []byte, off int64) (int, error) {
	n, err := within(p, off, g.size)
	p = p[:n]
	unit := int64(g.unit)
	var buf [lineBytes]byte
	for len(p) > 0 {
		i, skip := off/unit, int(off%unit)
		if skip == 0 && len(p) >= g.unit {
			g.fill(p[:g.unit], i)
			p, off = p[g.unit:], off+unit
			continue
		}
		g.fill(buf[:g.unit], i)
		m := copy(p, buf[skip:g.unit])
		p, off = p[m:], off+int64(m)
	}
	return n, err
}

const runBytes = 256 << 10

type disk struct {
	size        int64
	seed        uint64
	text, noise Content
}

func (d disk) Size() int64 { return d.size }

// at returns the content of the run with that index, nil for zeros.
func (d disk) at(run int64) Content {
	switch h := mix(d.seed*31+7^uint64(run)) % 6; {
	case h < 3:
		return nil
	case h < 5:
		return d.text
	default:
		return d.noise
	}
}

func (d disk) Data(off int64) (start, end int64) {
	run := off / runBytes
	for d.at(run) == nil {
		run++
		if run*runBytes >= d.size {
			return d.size, d.size
		}
	}
	return max(off, run*runBytes), min((run+1)*runBytes, d.size)
}

func (d disk) ReadAt(p []byte, off int64) (int, error) {
	n, err := within(p, off, d.size)
	p = p[:n]
	for len(p) > 0 {
		run := off / runBytes
		m := min(int64(len(p)), (run+1)*runBytes-off)
		if c := d.at(run); c == nil {
			clear(p[:m])
		} else if k, err := c.ReadAt(p[:m], off); int64(k) < m {
			return n - len(p), err
		}
		p, off = p[m:], off+m
	}
	return n, err
}

type overlay struct {
	base, with Content
	extents    []Extent // sorted, apart
}

func (o overlay) Size() int64 { return o.base.Size() }

// next returns the first extent that ends after off or, if there is none, the
// end of the content.
func (o overlay) next(off int64) (Extent, bool) {
	i := sort.Search(len(o.extents), func(i int) bool {
		return o.extents[i].Offset+o.extents[i].Length > off
	})
	if i == len(o.extents) {
		return Extent{Offset: o.Size()}, false
	}
	return o.extents[i], true
}

func (o overlay) Data(off int64) (start, end int64) {
	start, end = nextData(o.base, off)
	if e, ok := o.next(off); ok && e.Offset < end {
		if e.Offset <= start {
			return max(off, e.Offset), e.Offset + e.Length
		}
	}
	return start, end
}

func (o overlay) ReadAt(p []byte, off int64) (int, error) {
	n, err := within(p, off, o.Size())
	p = p[:n]
	for len(p) > 0 {
		e, ok := o.next(off)
		from, until := o.base, e.Offset
		if ok && e.Offset <= off {
			from, until = o.with, e.Offset+e.Length
		}
		m := min(int64(len(p)), until-off)
		if k, err := from.ReadAt(p[:m], off); int64(k) < m {
			return n - len(p), err
		}
		p, off = p[m:], off+m
	}
	return n, err
}

// nextData is like sparse.Data, for any Content.
func nextData(c Content, off int64) (start, end int64) {
	if s, ok := c.(sparse); ok && off < c.Size() {
		return s.Data(off)
	}
	return min(off, c.Size()), c.Size()
}

// within returns how many bytes of p lie before size, and io.EOF if not all do.
func within(p []byte, off, size int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at negative offset %d", off)
	}
	if left := max(0, size-off); int64(len(p)) > left {
		return int(left), io.EOF
	}
	return len(p), nil
}

// mix is splitmix64's output function.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
