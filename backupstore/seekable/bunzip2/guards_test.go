package bunzip2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// A field is a value of some bits.
type field struct {
	value uint64
	bits  uint
}

// plainBlock is a block of the byte a, part by part. Its symbols are RUNA, RUNB
// and the end, with the codes 0, 10 and 11 in both trees.
type plainBlock struct {
	magic, crc, randomised, origin uint64
	ranges                         uint64
	values                         []uint64
	trees, selectors               uint64
	selector                       []field
	lengths                        [][]field // of each tree, with the first length
	symbols                        []field
	sum                            uint64 // is added to the checksum of the stream
}

func goodBlock() *plainBlock {
	lengths := []field{{1, 5}, {0, 1}, {2, 2}, {0, 1}, {0, 1}}
	return &plainBlock{
		magic: blockMagic, crc: uint64(bzip2Sum([]byte("a"))),
		ranges: 1 << (15 - 'a'/16), values: []uint64{1 << (15 - 'a'%16)},
		trees: 2, selectors: 1, selector: []field{{0, 1}},
		lengths: [][]field{lengths, lengths},
		symbols: []field{runA, end},
	}
}

var (
	runA = field{0, 1}
	runB = field{2, 2}
	end  = field{3, 2}
)

func times(n int, f field) (list []field) {
	for range n {
		list = append(list, f)
	}
	return list
}

func (k *plainBlock) put(w *bitWriter) {
	w.put(k.magic, 48)
	w.put(k.crc, 32)
	w.put(k.randomised, 1)
	w.put(k.origin, 24)
	w.put(k.ranges, 16)
	for _, v := range k.values {
		w.put(v, 16)
	}
	w.put(k.trees, 3)
	w.put(k.selectors, 15)
	for _, list := range append([][]field{k.selector}, append(k.lengths, k.symbols)...) {
		for _, f := range list {
			w.put(f.value, f.bits)
		}
	}
}

// stream is one of level 1 with a good block and this one; and the bit at which
// this one begins.
func (k *plainBlock) stream() (b []byte, at int64) {
	w := new(bitWriter)
	w.put('B'<<24|'Z'<<16|'h'<<8|'1', 32)
	goodBlock().put(w)
	at = int64(len(w.b))*8 + int64(w.nbits)
	k.put(w)
	w.put(endMagic, 48)
	a := uint32(goodBlock().crc)
	w.put(uint64((a<<1|a>>31)^uint32(k.crc))+k.sum, 32)
	w.align()
	return w.b, at
}

// Each of these breaks one rule of the format and keeps all others.
var oddities = []struct {
	name   string
	change func(k *plainBlock)
	want   string
}{
	{"a randomised block is refused", func(k *plainBlock) { k.randomised = 1 }, "randomised block (bzip2 0.9.0 or older), which is not supported"},
	{"a block without symbols is refused", func(k *plainBlock) { k.ranges, k.values = 0, nil }, "block without symbols"},
	{"a range without symbols is refused when there is no other", func(k *plainBlock) { k.values = []uint64{0} }, "block without symbols"},
	{"no tree is refused", func(k *plainBlock) { k.trees = 0 }, "bad number of Huffman trees"},
	{"one tree is refused", func(k *plainBlock) { k.trees = 1 }, "bad number of Huffman trees"},
	{"seven trees are refused", func(k *plainBlock) { k.trees = 7 }, "bad number of Huffman trees"},
	{"no selectors are refused", func(k *plainBlock) { k.selectors = 0 }, "block without selectors"},
	{"a selector of a third tree of two is refused", func(k *plainBlock) { k.selector = []field{{6, 3}} }, "selector of a tree that is not there"},
	{"a code of no bits is refused", func(k *plainBlock) { k.lengths[1] = []field{{0, 5}} }, "bad Huffman code length"},
	{"a code of 21 bits is refused", func(k *plainBlock) { k.lengths[1] = []field{{21, 5}} }, "bad Huffman code length"},
	{"a length that falls below 1 is refused", func(k *plainBlock) { k.lengths[1] = []field{{1, 5}, {3, 2}} }, "bad Huffman code length"},
	{"a length that rises above 20 is refused", func(k *plainBlock) { k.lengths[1] = []field{{20, 5}, {2, 2}} }, "bad Huffman code length"},
	{"more codes than fit are refused", func(k *plainBlock) { k.lengths[1] = []field{{1, 5}, {0, 1}, {0, 1}, {0, 1}} }, "Huffman code lengths that no code has"},
	{"bits without a meaning are refused", func(k *plainBlock) {
		k.lengths[0] = []field{{2, 5}, {0, 1}, {0, 1}, {0, 1}}
		k.symbols = []field{{3, 2}}
	}, "bits that are no Huffman code"},
	{"long bits without a meaning are refused", func(k *plainBlock) {
		k.lengths[0] = []field{{20, 5}, {0, 1}, {0, 1}, {0, 1}}
		k.symbols = []field{{1<<20 - 1, 20}}
	}, "bits that are no Huffman code"},
	{"a run of more digits than any block needs is refused", func(k *plainBlock) { k.symbols = append(times(22, runA), end) }, "run longer than any block"},
	{"a run that is longer than any block is refused", func(k *plainBlock) { k.symbols = append(times(20, runB), end) }, "run longer than any block"},
	{"a run that is longer than blocks of this level is refused", func(k *plainBlock) { k.symbols = append(times(16, runB), end) }, "more bytes than the block may hold"},
	{"a group without a selector is refused", func(k *plainBlock) {
		k.values = []uint64{3 << (14 - 'a'%16)} // a and b: 0, 10 and 110, and the end 111
		k.lengths[0] = []field{{1, 5}, {0, 1}, {2, 2}, {0, 1}, {2, 2}, {0, 1}, {0, 1}}
		k.lengths[1] = k.lengths[0]
		k.symbols = append(times(groupSymbols, field{6, 3}), field{7, 3})
	}, "symbols without a selector"},
	{"a block that starts at a row that it does not have is refused", func(k *plainBlock) { k.origin = 1 }, "start row outside the block"},
	{"a block of nothing is refused", func(k *plainBlock) { k.symbols = []field{end} }, "start row outside the block"},
	{"four equal bytes without a count are refused", func(k *plainBlock) { k.symbols = []field{runB, runA, end} }, "run without its length at the end of a block"},
	{"a block with another checksum is refused", func(k *plainBlock) { k.crc ^= 1 }, "block checksum mismatch"},
	{"what is neither a block nor the end is refused", func(k *plainBlock) { k.magic ^= 1 << 20 }, "neither a block nor the end of the stream"},
}

func reason(err error) string {
	var c *stream.CorruptError
	if errors.As(err, &c) {
		return c.Reason
	}
	return ""
}

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

// shared saves each of the many decoders the making of 5 MB.
var shared Buffers

func TestEachRuleOfBlocksIsHeldTo(t *testing.T) {
	for _, o := range oddities {
		t.Run(o.name, func(t *testing.T) {
			k := goodBlock()
			o.change(k)
			b, at := k.stream()
			// Something must be there to be misunderstood.
			src := stored(append(b, make([]byte, 600)...))
			for _, workers := range []int{1, 3} {
				for _, step := range []int{1, 100} {
					d := New(src, Options{Workers: workers, Buffers: &shared})
					got, err := inSteps(d, step)
					d.Close()
					if reason(err) != o.want || string(got) != "a" {
						t.Errorf("%d workers, step %d: %q and %v, not %q", workers, step, got, err, o.want)
					}
				}
				want := o.want
				if strings.HasPrefix(want, "neither") {
					want = "no block at the checkpoint"
				}
				if strings.HasPrefix(want, "more bytes") {
					continue // than blocks of level 1; a checkpoint says which
				}
				d, err := Resume(src, stream.Checkpoint{In: at, Out: 1, State: []byte("9")}, Options{Workers: workers, Buffers: &shared})
				if err != nil {
					t.Fatal(err)
				}
				got, err := inSteps(d, 100)
				d.Close()
				if reason(err) != want || len(got) > 0 {
					t.Errorf("%d workers, resumed: %q and %v, not %q", workers, got, err, want)
				}
			}
		})
	}
}

func TestEachRuleOfStreamsIsHeldTo(t *testing.T) {
	good, at := goodBlock().stream()
	finish := func(b []byte) (string, error) {
		d := New(stored(b), Options{Buffers: &shared})
		defer d.Close()
		got, err := inSteps(d, 10)
		if err == io.EOF {
			err = d.Finish(context.Background())
		}
		return string(got), err
	}
	if got, err := finish(good); got != "aa" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	other := goodBlock()
	other.sum = 1
	odd, _ := other.stream()
	if got, err := finish(odd); got != "aa" || reason(err) != "stream checksum mismatch" {
		t.Errorf("another checksum: %q, %v", got, err)
	}
	for _, header := range []string{"BZh0", "BZh:", "BZg1", "Bzh1", "AZh1"} {
		if got, err := finish(append([]byte(header), good[4:]...)); got != "" || reason(err) != "no bzip2 stream" {
			t.Errorf("%s: %q, %v", header, got, err)
		}
	}
	for cut := range len(good) {
		if got, err := finish(good[:cut]); !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasPrefix([]byte("aa"), []byte(got)) {
			t.Errorf("cut at %d of %d: %q, %v", cut, len(good), got, err)
		}
	}
	d := New(stored(good), Options{Buffers: &shared})
	defer d.Close()
	if err := d.Finish(context.Background()); reason(err) != "the stream goes on where it should end" {
		t.Errorf("finished too early: %v", err)
	}

	for name, cp := range map[string]stream.Checkpoint{
		"before the object":  {In: -1, Out: 1, State: []byte("1")},
		"behind the object":  {In: int64(len(good))*8 + 1, Out: 1, State: []byte("1")},
		"a negative offset":  {In: at, Out: -1, State: []byte("1")},
		"no level":           {In: at, Out: 1},
		"level 0":            {In: at, Out: 1, State: []byte("0")},
		"a level behind 9":   {In: at, Out: 1, State: []byte(":")},
		"more than a level":  {In: at, Out: 1, State: []byte("11")},
		"beside the block":   {In: at + 1, Out: 1, State: []byte("1")},
		"the end of objects": {In: int64(len(good)) * 8, Out: 1, State: []byte("1")},
	} {
		d, err := Resume(stored(good), cp, Options{Buffers: &shared})
		if err == nil {
			_, err = inSteps(d, 10)
			d.Close()
		}
		switch {
		case name == "the end of objects" && errors.Is(err, io.ErrUnexpectedEOF):
		case name == "beside the block" && reason(err) == "no block at the checkpoint":
		case reason(err) == "impossible checkpoint":
		default:
			t.Errorf("a checkpoint %s: %v", name, err)
		}
	}
}
