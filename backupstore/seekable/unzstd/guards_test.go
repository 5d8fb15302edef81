package unzstd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"slices"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// An oddity is a block that breaks one rule of RFC 8878 and keeps all others. It
// comes behind a block of 100 bytes in a frame whose window, and so whose blocks,
// have 1 KiB at most. It leads to this error and to none of its bytes.
type oddity struct {
	name  string
	block []byte
	want  error
}

const oddWindow = 1 << 10

// block is a block of that form: size is what its header says.
func block(form, size int, last bool, content ...byte) []byte {
	head := size<<3 | form<<1
	if last {
		head |= 1
	}
	return append([]byte{byte(head), byte(head >> 8), byte(head >> 16)}, content...)
}

// compressed is the last block, made of these sections.
func compressed(sections ...[]byte) []byte {
	b := join(sections...)
	return block(blockCompressed, len(b), true, b...)
}

// A field is a value of some bits.
type field struct{ value, bits uint }

// forward has the fields from the lowest bit of the first byte on.
func forward(fields ...field) []byte {
	v, n := new(big.Int), uint(0)
	for _, f := range fields {
		v.Or(v, new(big.Int).Lsh(big.NewInt(int64(f.value)), n))
		n += f.bits
	}
	b := v.FillBytes(make([]byte, (n+7)/8))
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return b
}

// backward has the fields as they are read from the end, below the end mark.
func backward(fields ...field) []byte {
	turned := []field{{1, 1}}
	for _, f := range fields {
		turned = append([]field{f}, turned...)
	}
	return forward(turned...)
}

// Sections: raw literals, literals of one byte, those with a Huffman code in one
// stream, and the head of sequences whose three tables have one symbol each.
func rawLits(s string) []byte { return append([]byte{byte(len(s)<<3 + litsRaw)}, s...) }
func rleLits(n int) []byte {
	return []byte{byte(n<<4 | 1<<2 | litsRLE), byte(n >> 4), 'r'}
}
func huffman(form, count int, content ...byte) []byte {
	return append(forward(field{uint(form), 2}, field{0, 2}, field{uint(count), 10}, field{uint(len(content)), 10}), content...)
}
func single(count, lits, offset, length byte) []byte {
	return []byte{count, modeSingle<<6 | modeSingle<<4 | modeSingle<<2, lits, offset, length}
}

var (
	// Two symbols of one bit: 0 and 1.
	tree    = []byte{128, 0x10}
	zeroOne = backward(field{0b0101, 4})
)

var oddities = []oddity{
	{"a block of the reserved type is refused", block(blockReserved, 5, true, 1, 2, 3, 4, 5), errBlockType},
	{"a raw block larger than the window is refused", block(blockRaw, oddWindow+1, true, make([]byte, oddWindow+1)...), errBlockSize},
	{"a block of one value larger than the window is refused", block(blockRLE, oddWindow+1, true, 'x'), errBlockSize},
	{"an empty compressed block is refused", compressed(), errBlockShort},
	{"an empty compressed block is refused, whatever is behind it", append(compressed(), 3<<2|0xf0, 0xff, 0xff), errBlockShort},

	{"raw literals beyond the block are refused", compressed([]byte{10 << 3, 'a', 'b'}), errBlockShort},
	{"more raw literals than a block may have are refused", compressed([]byte{3<<2 | (oddWindow+1)<<4&0xff, (oddWindow + 1) >> 4, 0}, make([]byte, 20)), errLitsSize},
	{"literals of one value without the value are refused", compressed([]byte{5<<3 | litsRLE}), errBlockShort},
	{"more literals of one value than a block may have are refused", compressed(rleLits(oddWindow+1), []byte{0}), errLitsSize},
	{"Huffman literals without room for their header are refused", compressed([]byte{litsTree, 0, 0, 0}), errBlockShort},
	{"more Huffman literals than a block may have are refused",
		compressed(forward(field{litsTree, 2}, field{3, 2}, field{oddWindow + 1, 18}, field{1, 18}), []byte{0}), errLitsSize},
	{"Huffman literals beyond the block are refused", compressed(forward(field{litsTree, 2}, field{0, 2}, field{4, 10}, field{100, 10}), tree, zeroOne), errBlockShort},
	{"literals without a tree are refused where none came before", compressed(huffman(litsTreeless, 4, zeroOne...), []byte{0, 0}), errNoTree},
	{"fewer Huffman literals than announced are refused", compressed(huffman(litsTree, 5, join(tree, zeroOne)...), []byte{0}), errLitsCount},

	{"a block without a number of sequences is refused", compressed(rawLits("abc")), errBlockShort},
	{"half a number of sequences is refused", compressed(rawLits("abc"), []byte{128}), errBlockShort},
	{"two thirds of a large number of sequences are refused", compressed(rawLits("abc"), []byte{255, 0}), errBlockShort},
	{"bytes behind no sequences are refused", compressed(rawLits("abc"), []byte{0, 0}), errNoSequences},
	{"sequences without the modes of their tables are refused", compressed(rawLits("abc"), []byte{1}), errBlockShort},
	{"reserved bits of the modes are refused", compressed(rawLits("abc"), []byte{1, 1}, backward(field{0, 17})), errReserved},
	{"the other reserved bit of the modes is refused", compressed(rawLits("abc"), []byte{1, 2}, backward(field{0, 17})), errReserved},
	{"repeated literal lengths are refused where none came before", compressed(rawLits("abc"), []byte{1, modeRepeat << 6}, backward(field{0, 17})), errNoTable},
	{"repeated offsets are refused where none came before", compressed(rawLits("abc"), []byte{1, modeRepeat << 4}, backward(field{0, 17})), errNoTable},
	{"repeated match lengths are refused where none came before", compressed(rawLits("abc"), []byte{1, modeRepeat << 2}, backward(field{0, 17})), errNoTable},
	{"a table of one symbol without the symbol is refused", compressed(rawLits("abc"), []byte{1, modeSingle << 6}), errTableBits},
	{"a literal length that is none is refused", compressed(rawLits("a"), single(1, 36, 2, 0), backward(field{0, 2})), errTableSymbol},
	{"an offset that is none is refused", compressed(rawLits("a"), single(1, 1, 32, 0), backward(field{0, 32})), errTableSymbol},
	{"a match length that is none is refused", compressed(rawLits("a"), single(1, 1, 2, 53), backward(field{0, 2})), errTableSymbol},
	{"literal lengths of too high an accuracy are refused", compressed(rawLits("a"), []byte{1, modeCounts << 6}, forward(field{10 - 5, 4}, field{0, 100})), errTableLog},
	{"offsets of too high an accuracy are refused", compressed(rawLits("a"), []byte{1, modeCounts << 4}, forward(field{9 - 5, 4}, field{0, 100})), errTableLog},
	{"match lengths of too high an accuracy are refused", compressed(rawLits("a"), []byte{1, modeCounts << 2}, forward(field{10 - 5, 4}, field{0, 100})), errTableLog},
	{"counts of more symbols than there are are refused", compressed(rawLits("a"), []byte{1, modeCounts << 4}, forward(field{0, 4}, field{1, 5}, field{1<<22 - 1, 22}, field{0, 100})), errTableSymbol},
	{"counts that end early are refused", compressed(rawLits("a"), []byte{1, modeCounts << 4, 0}), errTableBits},

	{"a bit stream of no bytes is refused", compressed(rawLits("a"), single(1, 1, 2, 0)), errBitsStart},
	{"a bit stream of no bytes is refused, whatever is before it", compressed(rawLits("a"), single(1, 1, 2, 1)), errBitsStart},
	{"a bit stream without an end mark is refused", compressed(rawLits("a"), single(1, 1, 2, 0), []byte{7, 0}), errBitsStart},
	{"a bit stream too short for the first states is refused", compressed(rawLits("a"), []byte{1, 0}, backward(field{0, 16})), errBitsShort},
	{"a bit stream that ends inside a sequence is refused", compressed(rawLits("a"), single(1, 1, 2, 0), backward(field{0, 1})), errBitsShort},
	{"a bit stream that ends many sequences early is refused", compressed(rleLits(200), single(120, 1, 8, 0), backward(field{0, 8})), errBitsShort},
	{"a bit stream that ends inside the longest sequence is refused", compressed(rawLits("a"), single(3, 35, 31, 52), backward(field{0, 9})), errBitsShort},
	{"more sequences than the largest block can have are refused",
		compressed(rawLits("a"), []byte{255, (50_000 - 0x7f00) & 0xff, (50_000 - 0x7f00) >> 8, modeSingle<<6 | modeSingle<<4 | modeSingle<<2, 0, 0, 0}, backward()), errTooLong},
	{"bits behind the last sequence are refused", compressed(rawLits("a"), single(1, 1, 2, 0), backward(field{0, 3})), errBitsLeft},
	{"a repeated offset less one is refused when nothing is left of it", compressed(rawLits("a"), single(1, 0, 1, 0), backward(field{1, 1})), errRepeat},
	{"more literals in a sequence than there are are refused", compressed(rawLits("a"), single(1, 2, 2, 0), backward(field{0, 2})), errLiterals},
	{"a match past the largest block is refused", compressed(rawLits("a"), single(1, 1, 2, 46), backward(field{0, 2}, field{0, 10})), errTooLong},
	{"literals past the largest block are refused", compressed(rleLits(1000), single(1, 0, 2, 43), backward(field{0, 2}, field{0, 7})), errTooLong},
	{"an offset to before the first byte is refused", compressed(rawLits("a"), single(1, 1, 6, 0), backward(field{102 - 61, 6})), errOffset},
	{"a far offset to before the first byte is refused", compressed(rawLits("a"), single(1, 1, 31, 0), backward(field{1<<31 - 1, 31})), errOffset},
}

var oddBefore = bytes.Repeat([]byte("0123456789"), 10)

// oddFrame is a frame with a window of 1 KiB, a block of 100 bytes, and what
// comes as blocks; and where in it the second block begins.
func oddFrame(blocks ...[]byte) (stored []byte, at int64) {
	stored = append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0}, block(blockRaw, 100, false, oddBefore...)...)
	return join(stored, join(blocks...)), int64(len(stored))
}

func reason(err error) string {
	var c *stream.CorruptError
	if errors.As(err, &c) {
		return c.Reason
	}
	return ""
}

// eachDecoder decodes stored in each way that there is, small steps and large.
func eachDecoder(t *testing.T, stored []byte, f func(way string, got []byte, err error)) {
	t.Helper()
	for _, step := range []int{1, 7, 1 << 20} {
		for way, d := range map[string]*Decoder{
			"plain":    New(memory(stored), Options{}),
			"observed": New(memory(stored), Options{Observer: &log{}, Spacing: 128 << 10}),
			"ahead":    aheadFrom(memory(stored), 0),
		} {
			got, err := decodeAll(t, d, step)
			d.Close()
			f(way, got, err)
		}
	}
}

func TestEachRuleOfBlocksIsHeldTo(t *testing.T) {
	for _, o := range oddities {
		t.Run(o.name, func(t *testing.T) {
			stored, at := oddFrame(o.block)
			eachDecoder(t, stored, func(way string, got []byte, err error) {
				if reason(err) != o.want.Error() || !bytes.Equal(got, oddBefore) {
					t.Errorf("%s: %d bytes and %v, not %q", way, len(got), err, o.want)
				}
			})
			d, err := Resume(memory(stored), stream.Checkpoint{In: 8 * at, Out: 100, State: oddState(nil)}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if got, err := decodeAll(t, d, 1000); reason(err) != o.want.Error() || len(got) > 0 {
				t.Errorf("resumed: %d bytes and %v, not %q", len(got), err, o.want)
			}
		})
	}
}

// oddState is that of a checkpoint behind the block of 100 bytes, with fields
// replaced: 0 the version, 1 the flags, 2 the window, 3 the bytes decoded, 4 to 6
// the repeat offsets, 7 to 10 the lengths of the tables, 11 the reach.
func oddState(replaced map[int]uint64) []byte {
	fields := []uint64{1, 0, oddWindow, 100, 1, 4, 8, 0, 0, 0, 0, 100}
	var b []byte
	for i, v := range fields {
		if r, ok := replaced[i]; ok {
			v = r
		}
		b = binary.AppendUvarint(b, v)
	}
	return stream.AppendWindow(b, oddBefore, []stream.Range{{Off: 0, Len: 100}})
}

// oddTable is oddState with that description of a table, or of the tree.
func oddTable(which int, desc ...byte) []byte {
	b := oddState(map[int]uint64{7 + which: uint64(len(desc))})
	return slices.Insert(b, 9+which, desc...)
}

// The same blocks, with nothing wrong.
func TestBlocksAtTheLimitsOfTheRulesAreTaken(t *testing.T) {
	for name, c := range map[string]struct {
		block []byte
		want  string
	}{
		"the largest raw block":            {block(blockRaw, oddWindow, true, bytes.Repeat([]byte{'x'}, oddWindow)...), string(bytes.Repeat([]byte{'x'}, oddWindow))},
		"the most literals":                {compressed(rleLits(oddWindow), []byte{0}), string(bytes.Repeat([]byte{'r'}, oddWindow))},
		"Huffman literals":                 {compressed(huffman(litsTree, 4, join(tree, zeroOne)...), []byte{0}), "\x00\x01\x00\x01"},
		"a short period":                   {compressed(rawLits("a"), single(1, 1, 2, 0), backward(field{0, 2})), "aaaa"},
		"an offset to the first byte":      {compressed(rawLits("a"), single(1, 1, 6, 0), backward(field{101 - 61, 6})), "a012"},
		"a match to the end of the block":  {compressed(rawLits("a"), single(1, 1, 2, 45), backward(field{0, 2}, field{508, 9})), string(bytes.Repeat([]byte{'a'}, 1024))},
		"the second of the repeat offsets": {compressed(rawLits("a"), single(1, 1, 1, 0), backward(field{0, 1})), "a789"},
	} {
		t.Run(name, func(t *testing.T) {
			stored, _ := oddFrame(c.block)
			eachDecoder(t, stored, func(way string, got []byte, err error) {
				if err != nil || string(got) != string(oddBefore)+c.want {
					t.Errorf("%s: %q, %v", way, got[min(100, len(got)):], err)
				}
			})
		})
	}
}

// A match may reach as far back as the window, also where more was decoded.
func TestAnOffsetBeyondTheWindowIsRefused(t *testing.T) {
	full := block(blockRLE, oddWindow, false, 'f')
	for extra, want := range map[uint]error{1024 - 1021: nil, 1025 - 1021: errOffset} {
		stored, _ := oddFrame(full, full, compressed(rawLits("a"), single(1, 1, 10, 0), backward(field{extra, 10})))
		eachDecoder(t, stored, func(way string, got []byte, err error) {
			if want == nil && (err != nil || string(got[2148:]) != "afff") || want != nil && reason(err) != want.Error() {
				t.Errorf("%s: %v, not %v", way, err, want)
			}
		})
	}
}

func TestEachRuleOfFramesIsHeldTo(t *testing.T) {
	magic := []byte{0x28, 0xb5, 0x2f, 0xfd}
	abc := block(blockRaw, 3, true, []byte("abc")...)
	for _, c := range []struct {
		name   string
		stored []byte
		want   error
		before string
	}{
		{"the reserved bit of the header", join(magic, []byte{8, 0}, abc), errHeader, ""},
		{"fewer bytes than announced", join(magic, []byte{0x20, 4}, abc), errContent, "abc"},
		{"more bytes than announced", join(magic, []byte{0x20, 2}, abc), errContent, ""},
		{"a size of 2^63", join(magic, []byte{0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80}, abc), errContent, ""},
		{"another checksum", join(magic, []byte{0x24, 3}, abc, []byte{1, 2, 3, 4}), errChecksum, "abc"},
		{"another magic", join([]byte{0x27, 0xb5, 0x2f, 0xfd, 0x20, 3}, abc), errors.New("not a zstd frame"), ""},
		{"another magic of a skippable frame", join([]byte{0x60, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}, magic, []byte{0x20, 3}, abc), errors.New("not a zstd frame"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachDecoder(t, c.stored, func(way string, got []byte, err error) {
				if reason(err) != c.want.Error() || string(got) != c.before {
					t.Errorf("%s: %q and %v, not %q and %q", way, got, err, c.before, c.want)
				}
			})
		})
	}
	for _, c := range []struct {
		name   string
		header []byte
		want   error
	}{
		{"a dictionary of one byte", []byte{0x21, 7, 3}, ErrUnsupported},
		{"a dictionary of four bytes", []byte{0x23, 0, 0, 0, 7, 3}, ErrUnsupported},
		{"a dictionary that is none", []byte{0x23, 0, 0, 0, 0, 3}, nil},
	} {
		_, err := decodeAll(t, New(memory(join(magic, c.header, abc)), Options{}), 10)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// A checksum that is right, of nothing.
	sum := []byte{0x99, 0xe9, 0xd8, 0x51}
	if got, err := decodeAll(t, New(memory(join(magic, []byte{0x24, 0}, block(blockRaw, 0, true), sum)), Options{}), 10); err != nil || len(got) > 0 {
		t.Errorf("%q, %v", got, err)
	}
	eachCut(t, join(magic, []byte{0x24, 3}, abc, binary.LittleEndian.AppendUint32(nil, uint32(xxhash.Sum64String("abc")))), 0)
	whole, _ := oddFrame(compressed(rawLits("a"), single(1, 1, 2, 0), backward(field{0, 2})))
	eachCut(t, whole, 0)
	// Less than a magic number behind a frame is not part of the stream.
	eachCut(t, join(whole, []byte{0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0}, []byte("abc")), len(whole)+4)
}

// eachCut decodes what is left of stored when it is cut at each byte, but for the first ones.
func eachCut(t *testing.T, stored []byte, first int) {
	t.Helper()
	for cut := first; cut <= len(stored); cut++ {
		eachDecoder(t, stored[:cut], func(way string, _ []byte, err error) {
			if cut < len(stored) && !errors.Is(err, io.ErrUnexpectedEOF) || cut == len(stored) && err != nil {
				t.Errorf("%s, cut at %d of %d: %v", way, cut, len(stored), err)
			}
		})
	}
}

// A checkpoint is as hostile as the stream.
func TestEachFieldOfACheckpointIsChecked(t *testing.T) {
	stored, at := oddFrame(compressed(rawLits("a"), single(1, 1, 2, 0), backward(field{0, 2})))
	good := oddState(nil)
	for _, c := range []struct {
		name    string
		in, out int64
		state   []byte
		want    string
	}{
		{"a good one", 8 * at, 100, good, ""},
		{"a place before the object", -8, 100, good, errStatePlace.Error()},
		{"a place behind the object", 8 * int64(len(stored)+1), 100, good, errStatePlace.Error()},
		{"a place inside of a byte", 8*at + 1, 100, good, errStatePlace.Error()},
		{"a negative offset", 8 * at, -1, good, errStatePlace.Error()},
		{"no state", 8 * at, 100, nil, errStateShort.Error()},
		{"another version", 8 * at, 100, oddState(map[int]uint64{0: 2}), errStateVersion.Error()},
		{"flags that are none", 8 * at, 100, oddState(map[int]uint64{1: 8}), errStateBounds.Error()},
		{"more behind a frame's start", 8 * at, 100, append(frameStartState(), 0), errStateLeft.Error()},
		{"a window below 1 KiB", 8 * at, 100, oddState(map[int]uint64{2: 1023}), "window: " + errStateBounds.Error()},
		{"a window beyond all bounds", 8 * at, 100, oddState(map[int]uint64{2: 1 << 62}), "window: " + errStateBounds.Error()},
		{"nothing decoded", 8 * at, 100, oddState(map[int]uint64{3: 0}), "decoded bytes: " + errStateBounds.Error()},
		{"more decoded than there is", 8 * at, 100, oddState(map[int]uint64{3: 101}), "decoded bytes: " + errStateBounds.Error()},
		{"a repeat offset of zero", 8 * at, 100, oddState(map[int]uint64{5: 0}), "repeat offset: " + errStateBounds.Error()},
		{"a repeat offset beyond 32 bits", 8 * at, 100, oddState(map[int]uint64{6: 1 << 32}), "repeat offset: " + errStateBounds.Error()},
		{"a table longer than the state", 8 * at, 100, oddState(map[int]uint64{8: 1000}), "table: " + errStateBounds.Error()},
		{"a reach beyond what is decoded", 8 * at, 100, oddState(map[int]uint64{11: 101}), "reach: " + errStateBounds.Error()},
		{"a number of more than 64 bits", 8 * at, 100, append(append([]byte{}, good[:2]...), bytes.Repeat([]byte{0xff}, 20)...), "window: " + errStateShort.Error()},
		{"no more than a window", 8 * at, 100, good[:4], "decoded bytes: " + errStateShort.Error()},
		{"a table where the state ends", 8 * at, 100, oddState(map[int]uint64{7: 1})[:9], "table: " + errStateBounds.Error()},
		{"a table that repeats another", 8 * at, 100, oddTable(litLen, modeRepeat), "literal length table: " + errStateBounds.Error()},
		{"more behind a table", 8 * at, 100, oddTable(offset, modeSingle, 2, 0), "offset table: " + errStateLeft.Error()},
		{"more behind a tree", 8 * at, 100, oddTable(useTree, append(tree, 0)...), "tree: " + errStateLeft.Error()},
		{"bytes behind its window", 8 * at, 100, append(oddState(nil), 0), errStateLeft.Error()},
		{"a window that is cut", 8 * at, 100, good[:len(good)-1], "sparse window: out of bounds"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Resume(memory(stored), stream.Checkpoint{In: c.in, Out: c.out, State: c.state}, Options{})
			if c.want == "" && err == nil {
				got, err := decodeAll(t, d, 100)
				if d.Close(); string(got) != "aaaa" || err != nil {
					t.Fatalf("%q, %v", got, err)
				}
				return
			}
			if reason(err) != "checkpoint: "+c.want {
				t.Fatalf("%v, not %q", err, c.want)
			}
		})
	}
	large := stream.Checkpoint{In: 8 * at, Out: 100, State: oddState(map[int]uint64{2: 64 << 20})}
	if _, err := Resume(memory(stored), large, Options{MaxBytes: 1 << 20}); !isMemoryError(err) || errors.Is(err, stream.ErrCorrupt) {
		t.Errorf("a window beyond the memory that is allowed: %v", err)
	}
	for cut := range len(good) {
		if _, err := Resume(memory(stored), stream.Checkpoint{In: 8 * at, Out: 100, State: good[:cut]}, Options{}); !errors.Is(err, stream.ErrCorrupt) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}
