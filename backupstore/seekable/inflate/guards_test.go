package inflate

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// An oddity is a block that breaks one rule of RFC 1951 and keeps all others.
// Behind 100 bytes of a stored block, it must lead to this error, with the bytes
// decoded before it handed out.
type oddity struct {
	name   string
	block  func(w *bitWriter)
	before int // bytes of the block itself that are right
	want   string
}

// lit and dist put a symbol of the fixed code.
func (w *bitWriter) lit(s int) {
	switch {
	case s < 144:
		w.code(uint32(0x30+s), 8)
	case s < 256:
		w.code(uint32(0x190+s-144), 9)
	case s < 280:
		w.code(uint32(s-256), 7)
	default:
		w.code(uint32(0xc0+s-280), 8)
	}
}

func (w *bitWriter) dist(s int) { w.code(uint32(s), 5) }

func (w *bitWriter) align() {
	if w.n > 0 {
		w.put(0, 8-w.n)
	}
}

// fixed begins a block of fixed codes.
func (w *bitWriter) fixed() { w.put(1|1<<1, 3) }

// dynamic begins a block with as many lengths as given, and the code length code.
func (w *bitWriter) dynamic(nlit, ndist int, pre map[int]uint32) {
	w.put(1|2<<1, 3)
	w.put(uint32(nlit-257), 5)
	w.put(uint32(ndist-1), 5)
	w.put(19-4, 4)
	for _, s := range preOrder {
		w.put(pre[int(s)], 3)
	}
}

// fourBits is a code of lengths 0 to 15 in which each stands for itself.
func fourBits() map[int]uint32 {
	m := map[int]uint32{}
	for s := range 16 {
		m[s] = 4
	}
	return m
}

// codes begins a dynamic block whose code lengths are given one by one.
func (w *bitWriter) codes(nlit int, lens map[int]uint32, dists ...uint32) {
	w.dynamic(nlit, len(dists), fourBits())
	for s := range nlit {
		w.code(lens[s], 4)
	}
	for _, l := range dists {
		w.code(l, 4)
	}
}

var oddities = []oddity{
	{"a block of the reserved type is refused", func(w *bitWriter) { w.put(1|3<<1, 3) }, 0, badHeader},
	{"a stored block whose length is not the complement of the other is refused", func(w *bitWriter) {
		w.put(1, 3)
		w.align()
		w.put(5, 16)
		w.put(^uint32(5)&0xffff^0x8000, 16)
		w.b = append(w.b, "12345"...)
	}, 0, "length of stored block contradicts itself"},
	{"a distance to before the first byte is refused", func(w *bitWriter) {
		w.fixed()
		w.lit('a')
		w.lit(257)
		w.dist(13) // 97 to 128
		w.put(102-97, 5)
	}, 1, badDistance},
	{"a distance to before the first byte is refused also for the longest match", func(w *bitWriter) {
		w.fixed()
		w.lit(285)
		w.dist(29)
		w.put(1<<13-1, 13)
	}, 0, badDistance},
	{"a distance symbol that has no meaning is refused", func(w *bitWriter) {
		w.fixed()
		w.lit('a')
		w.lit('b')
		w.lit(257)
		w.dist(30)
	}, 2, badSymbol},
	{"the last distance symbol has no meaning either", func(w *bitWriter) {
		w.fixed()
		w.lit(257)
		w.dist(31)
	}, 0, badSymbol},
	{"a length symbol that has no meaning is refused", func(w *bitWriter) {
		w.fixed()
		w.lit('a')
		w.lit(286)
	}, 1, badSymbol},
	{"the last length symbol has no meaning either", func(w *bitWriter) {
		w.fixed()
		w.lit('a')
		w.lit('b')
		w.lit('c')
		w.lit('d')
		w.lit(287)
	}, 4, badSymbol},
	{"more symbols for lengths than there are are refused", func(w *bitWriter) {
		w.codes(287, map[int]uint32{0: 1, 256: 1}, 1)
	}, 0, badHeader},
	{"more symbols for distances than there are are refused", func(w *bitWriter) {
		w.codes(257, map[int]uint32{0: 1, 256: 1}, make([]uint32, 31)...)
	}, 0, badHeader},
	{"a code length code with a code too few is refused", func(w *bitWriter) {
		w.dynamic(257, 1, map[int]uint32{0: 1, 1: 2})
	}, 0, badCodes},
	{"a code length code with a code too many is refused", func(w *bitWriter) {
		w.dynamic(257, 1, map[int]uint32{0: 1, 1: 1, 2: 1})
	}, 0, badCodes},
	{"bits that no code length has are refused", func(w *bitWriter) {
		w.dynamic(257, 1, map[int]uint32{0: 1}) // one code, 0: the other half is free
		w.put(1, 1)
	}, 0, badCodes},
	{"a repetition of what does not come before is refused", func(w *bitWriter) {
		w.dynamic(257, 1, map[int]uint32{1: 1, 16: 1})
		w.code(1, 1)
	}, 0, badCodes},
	{"a repetition past the last length is refused", func(w *bitWriter) {
		w.dynamic(257, 1, map[int]uint32{1: 2, 16: 2, 17: 2, 18: 2})
		w.code(3, 2)
		w.put(127, 7) // 138
		w.code(3, 2)
		w.put(110, 7) // 121: one too many
		w.code(1, 2)
		w.put(0, 2)
	}, 0, badCodes},
	{"a block without a code for its end is refused", func(w *bitWriter) {
		w.codes(257, map[int]uint32{0: 1, 1: 1}, 1)
	}, 0, noEnd},
	{"codes of lengths that leave bits without a meaning are refused", func(w *bitWriter) {
		w.codes(257, map[int]uint32{0: 2, 1: 2, 256: 2}, 1)
	}, 0, badCodes},
	{"more codes of lengths than fit are refused", func(w *bitWriter) {
		w.codes(257, map[int]uint32{0: 1, 1: 1, 256: 1}, 1)
	}, 0, badCodes},
	{"more codes of distances than fit are refused", func(w *bitWriter) {
		w.codes(257, map[int]uint32{0: 1, 256: 1}, 1, 1, 1)
	}, 0, badCodes},
	{"codes of distances that leave bits without a meaning are refused", func(w *bitWriter) {
		w.codes(257, map[int]uint32{0: 1, 256: 1}, 2, 2, 2)
	}, 0, badCodes},
	{"two codes of distances that take half of the bits are refused: only a single one may", func(w *bitWriter) {
		w.codes(257, map[int]uint32{0: 1, 256: 1}, 2, 2)
	}, 0, badCodes},
	{"two codes of lengths that take half of the bits are refused", func(w *bitWriter) {
		w.codes(257, map[int]uint32{0: 2, 256: 2}, 1)
	}, 0, badCodes},
	{"a code length code that takes half of the bits with two codes is refused", func(w *bitWriter) {
		w.dynamic(257, 1, map[int]uint32{0: 2, 1: 2})
	}, 0, badCodes},
	{"the free half of a single code of distances is refused when it is used", func(w *bitWriter) {
		w.codes(258, map[int]uint32{'a': 2, 256: 2, 257: 1}, 1)
		w.code(2, 2) // a
		w.code(0, 1) // three bytes
		w.code(0, 1) // from one before
		w.code(0, 1)
		w.code(1, 1)
	}, 4, badSymbol},
	{"a distance where the block has no code of any is refused", func(w *bitWriter) {
		w.codes(258, map[int]uint32{'a': 2, 256: 2, 257: 1}, 0)
		w.code(2, 2)
		w.code(0, 1)
	}, 1, badSymbol},
	{"the free half of a single code of lengths is refused when it is used", func(w *bitWriter) {
		w.codes(257, map[int]uint32{256: 1}, 1)
		w.code(1, 1)
	}, 0, badSymbol},
	{"a long code of a distance to before the first byte is refused", func(w *bitWriter) {
		// 1, 2, ..., 14, 15, 15 bits: the last are in a table below the first.
		dists := make([]uint32, 30)
		for i := range 15 {
			dists[i] = uint32(i + 1)
		}
		dists[29] = 15
		w.codes(258, map[int]uint32{'a': 2, 256: 2, 257: 1}, dists...)
		w.code(2, 2)
		w.code(0, 1)
		w.code(1<<15-1, 15)
		w.put(0, 13)
	}, 1, badDistance},
}

// stream is one with the oddity, what is decoded before its block, and the bit at
// which that begins.
func (o oddity) stream() (stored, decoded []byte, blockAt int64) {
	decoded = bytes.Repeat([]byte("0123456789"), 10)
	w := &bitWriter{b: []byte{0x78, 0x9c, 0, 100, 0, 155, 255}}
	w.b = append(w.b, decoded...)
	at := int64(len(w.b)) * 8
	o.block(w)
	w.align()
	return w.b, decoded, at
}

// reason is why a stream is corrupt, "" when it is not.
func reason(err error) string {
	var c *stream.CorruptError
	if errors.As(err, &c) {
		return c.Reason
	}
	return ""
}

// inSteps reads all of d, step bytes at a time.
func inSteps(d *Decoder, step int) (got []byte, err error) {
	p := make([]byte, step)
	for {
		n, err := d.Read(context.Background(), p)
		got = append(got, p[:n]...)
		if err != nil {
			return got, err
		}
	}
}

func TestEachRuleOfDeflateIsHeldTo(t *testing.T) {
	for _, o := range oddities {
		t.Run(o.name, func(t *testing.T) {
			stored, before, at := o.stream()
			// With much behind it the fast loop meets it, with little the careful one.
			for _, behind := range []int{8, 64, 100 << 10} {
				src := &memory{b: append(stored[:len(stored):len(stored)], make([]byte, behind)...)}
				eachLoop(t, func(t *testing.T, use loops) {
					for _, step := range []int{1, 7, 1 << 20} {
						for _, observer := range []stream.Observer{nil, &notes{}} {
							d := New(src, Options{Observer: observer})
							d.loops = use
							got, err := inSteps(d, step)
							d.Close()
							if reason(err) != o.want || len(got) != len(before)+o.before || !bytes.HasPrefix(got, before) {
								t.Errorf("%d behind, step %d: %d bytes and %v, not %d and %q", behind, step, len(got), err, len(before)+o.before, o.want)
							}
						}
						window := stream.AppendWindow(binary.AppendUvarint(nil, 0), before, []stream.Range{{Off: 0, Len: len(before)}})
						d, err := Resume(src, stream.Checkpoint{In: at, Out: int64(len(before)), State: window}, Options{})
						if err != nil {
							t.Fatal(err)
						}
						d.loops = use
						got, err := inSteps(d, step)
						d.Close()
						if reason(err) != o.want || len(got) != o.before {
							t.Errorf("resumed, %d behind, step %d: %d bytes and %v, not %d and %q", behind, step, len(got), err, o.before, o.want)
						}
					}
				})
			}
		})
	}
}

// A match that reaches as far back as there is something is right.
func TestTheFarthestDistancesAreTaken(t *testing.T) {
	o := oddity{block: func(w *bitWriter) {
		w.fixed()
		w.lit('a')
		w.lit(257)
		w.dist(13)
		w.put(101-97, 5) // the first byte of all
		w.lit(256)
	}}
	stored, before, _ := o.stream()
	want := string(before) + "a012"
	for _, behind := range []int{8, 64} {
		src := &memory{b: append(stored[:len(stored):len(stored)], make([]byte, behind)...)}
		eachLoop(t, func(t *testing.T, use loops) {
			d := New(src, Options{})
			defer d.Close()
			d.loops = use
			if got, err := inSteps(d, 1000); string(got) != want || err != io.EOF {
				t.Fatalf("%q, %v", got, err)
			}
		})
	}
}

// Cut anywhere, a stream is too short and nothing else, and all before the cut
// comes out.
func TestAStreamThatIsCutSaysSo(t *testing.T) {
	want := diskLike(3000, 77)
	whole := compress(t, want, 6)
	stored := compress(t, want[:300], 0)
	for name, s := range map[string][]byte{"of codes": whole, "stored": stored} {
		for cut := range len(s) {
			eachLoop(t, func(t *testing.T, use loops) {
				d := New(&memory{b: s[:cut]}, Options{})
				defer d.Close()
				d.loops = use
				got, err := inSteps(d, 4096)
				if err == io.EOF {
					err = d.Finish(context.Background())
				}
				if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasPrefix(want, got) {
					t.Fatalf("%s, cut at %d of %d: %d bytes, %v", name, cut, len(s), len(got), err)
				}
			})
		}
	}
}

func TestEachRuleOfZlibIsHeldTo(t *testing.T) {
	body := []byte{3, 0, 0, 0, 0, 1} // nothing, and its checksum
	for _, c := range []struct {
		name   string
		header [2]byte
		want   string
	}{
		{"another method than deflate", [2]byte{0x79, 0x18}, "not a zlib stream"},
		{"a window of 64 KiB", [2]byte{0x88, 0x1c}, "not a zlib stream"},
		{"a header whose check bits are wrong", [2]byte{0x78, 0x9d}, "not a zlib stream"},
		{"a preset dictionary", [2]byte{0x78, 0xbb}, "stream needs a preset dictionary"},
		{"a small window is good", [2]byte{0x08, 0x1d}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := New(&memory{b: append(c.header[:], body...)}, Options{})
			defer d.Close()
			_, err := d.Read(context.Background(), make([]byte, 1))
			if err == io.EOF {
				err = d.Finish(context.Background())
			}
			if reason(err) != c.want || (err == nil) != (c.want == "") {
				t.Fatalf("%v, not %q", err, c.want)
			}
		})
	}
	for i := range 4 {
		b := append([]byte{0x78, 0x9c}, body...)
		b[len(b)-4+i] ^= 0x10
		d := New(&memory{b: b}, Options{})
		_, err := d.Read(context.Background(), make([]byte, 1))
		if err == io.EOF {
			err = d.Finish(context.Background())
		}
		if want := fmt.Sprintf("checksum of the stream is %x, of the decoded bytes 00000001", b[len(b)-4:]); reason(err) != want {
			t.Errorf("%v, not %q", err, want)
		}
		d.Close()
	}
}

func TestFinishingTooEarlyIsAnError(t *testing.T) {
	want := diskLike(3000, 78)
	d := New(&memory{b: compress(t, want, 6)}, Options{})
	defer d.Close()
	if _, err := d.Read(context.Background(), make([]byte, 2999)); err != nil {
		t.Fatal(err)
	}
	if err := d.Finish(context.Background()); reason(err) != "stream goes on behind its expected end" {
		t.Fatal(err)
	}
}

// A checkpoint is as hostile as the stream.
func TestEachFieldOfACheckpointIsChecked(t *testing.T) {
	stored, before, at := oddities[0].stream()
	stored = append(stored, make([]byte, 20)...)
	src := &memory{b: stored}
	n := int64(len(before))
	good := stream.AppendWindow(binary.AppendUvarint(nil, 0), before, nil)
	back := func(bits uint64) []byte { return stream.AppendWindow(binary.AppendUvarint(nil, bits), before, nil) }
	for _, c := range []struct {
		name string
		cp   stream.Checkpoint
		want string
	}{
		{"inside of the header of the stream", stream.Checkpoint{In: 15, Out: n, State: good}, "checkpoint: outside of the stored object"},
		{"behind the end", stream.Checkpoint{In: int64(len(stored)) * 8, Out: n, State: good}, "checkpoint: outside of the stored object"},
		{"a negative offset", stream.Checkpoint{In: at, Out: -1, State: good}, "checkpoint: impossible offset"},
		{"more decoded than bits can stand for", stream.Checkpoint{In: 16, Out: 16*matchMax + 1, State: good}, "checkpoint: impossible offset"},
		{"no state", stream.Checkpoint{In: at, Out: n}, "checkpoint: bad place of the block header"},
		{"a block that begins before the stream", stream.Checkpoint{In: at, Out: n, State: back(uint64(at) - 15)}, "checkpoint: bad place of the block header"},
		{"a window that is cut", stream.Checkpoint{In: at, Out: n, State: good[:1]}, "checkpoint: bad window"},
		{"bytes behind the window", stream.Checkpoint{In: at, Out: n, State: append(back(0), 0)}, "checkpoint: bad window"},
		{"not at a byte of its stored block", stream.Checkpoint{In: 16 + 3 + 5 + 32 + 9, Out: 1, State: stream.AppendWindow(binary.AppendUvarint(nil, 3+5+32+9), before[:1], nil)},
			"checkpoint: not inside of its block"},
		{"inside of the header of its block", stream.Checkpoint{In: 16 + 8, Out: 0, State: stream.AppendWindow(binary.AppendUvarint(nil, 8), nil, nil)},
			"checkpoint: not inside of its block"},
		{"behind its stored block", stream.Checkpoint{In: at + 8, Out: n, State: back(uint64(at) + 8 - 16)}, "checkpoint: not inside of its block"},
		{"in a block that is none", stream.Checkpoint{In: at + 3, Out: n, State: back(3)}, badHeader},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Resume(src, c.cp, Options{})
			if err == nil {
				_, err = d.Read(context.Background(), make([]byte, 200))
				d.Close()
			}
			if reason(err) != c.want {
				t.Fatalf("%v, not %q", err, c.want)
			}
		})
	}
}
