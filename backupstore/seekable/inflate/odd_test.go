package inflate

import (
	"bytes"
	stdflate "compress/flate"
	"io"
	"math/rand/v2"
	"testing"
)

// bitWriter writes DEFLATE bits.
type bitWriter struct {
	b    []byte
	bits uint64
	n    uint
}

func (w *bitWriter) put(v uint32, n uint) {
	w.bits |= uint64(v) << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.b = append(w.b, byte(w.bits))
		w.bits >>= 8
	}
}

// code writes a code of n bits, first bit first.
func (w *bitWriter) code(c uint32, n uint) {
	for n > 0 {
		n--
		w.put(c>>n&1, 1)
	}
}

// oddCode makes lengths of a complete code over size symbols, of which some
// have codes as long as can be.
func oddCode(r *rand.Rand, size int) []uint8 {
	// Split leaves of a tree until every symbol has one.
	lens := []uint8{1, 1}
	for len(lens) < size {
		i := r.IntN(len(lens))
		if r.IntN(3) > 0 {
			i = len(lens) - 1
		}
		for lens[i] == maxCodeBits {
			i = r.IntN(len(lens))
		}
		lens[i]++
		lens = append(lens, lens[i])
	}
	r.Shuffle(len(lens), func(i, j int) { lens[i], lens[j] = lens[j], lens[i] })
	return lens
}

// canonical assigns the codes of RFC 1951, 3.2.2.
func canonical(lens []uint8) []uint32 {
	codes := make([]uint32, len(lens))
	code := uint32(0)
	for l := uint8(1); l <= maxCodeBits; l++ {
		for s, sl := range lens {
			if sl == l {
				codes[s] = code
				code++
			}
		}
		code <<= 1
	}
	return codes
}

// oddBlock writes one block whose codes no sane encoder would choose, with
// all kinds of symbols.
func oddBlock(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	var w bitWriter
	lit, dist := oddCode(r, 286), oddCode(r, 30)
	litCodes, distCodes := canonical(lit), canonical(dist)
	w.put(1|2<<1, 3)
	w.put(286-257, 5)
	w.put(30-1, 5)
	w.put(19-4, 4)
	// The code length code: 16 symbols with 4 bits.
	for _, s := range preOrder {
		if s < 16 {
			w.put(4, 3)
		} else {
			w.put(0, 3)
		}
	}
	for _, l := range append(append([]uint8{}, lit...), dist...) {
		w.code(uint32(l), 4)
	}
	put := func(s int) { w.code(litCodes[s], uint(lit[s])) }
	size := 0
	for size < 300<<10 {
		if size == 0 || r.IntN(3) > 0 {
			for range 1 + r.IntN(5) {
				put(r.IntN(256))
				size++
			}
			continue
		}
		s := 257 + r.IntN(29)
		if r.IntN(3) == 0 {
			s = 285
		}
		ds := 0
		for ds = r.IntN(30); int(matchDistance(symbols.dist[ds], 0))*2 > size; ds = r.IntN(ds + 1) {
			if ds == 0 {
				break
			}
		}
		if r.IntN(2) == 0 {
			ds = 0
		}
		for range 1 + r.IntN(4)*r.IntN(20) {
			put(s)
			e := symbols.lit[s]
			extra := uint32(r.IntN(1 << (e & 0xff)))
			w.put(extra, uint(e&0xff))
			size += int(matchLength(e, uint64(extra)))
			d := symbols.dist[ds]
			w.code(distCodes[ds], uint(dist[ds]))
			w.put(uint32(r.IntN(1<<(d&0xff))), uint(d&0xff))
		}
	}
	put(256)
	w.put(0, 7)
	return w.b
}

func TestOddCodesDecode(t *testing.T) {
	for seed := range uint64(20) {
		data := oddBlock(seed)
		want, err := io.ReadAll(stdflate.NewReader(bytes.NewReader(data)))
		if err != nil {
			t.Fatal(err)
		}
		eachLoop(t, func(t *testing.T, use loops) {
			d := New(&memory{b: wrap(data, want)}, Options{})
			defer d.Close()
			d.loops = use
			got, err := readAll(d, 100000)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("seed %d: %d of %d bytes, error %v", seed, len(got), len(want), err)
			}
		})
	}
}
