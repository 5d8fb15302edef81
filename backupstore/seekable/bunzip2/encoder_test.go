package bunzip2

import (
	"hash/crc32"
	"math/bits"
	"slices"
)

// A small bzip2 encoder, so that the tests need no program: slow, and as odd
// as the format allows.

type bitWriter struct {
	b     []byte
	acc   uint64
	nbits uint
}

func (w *bitWriter) put(v uint64, n uint) {
	for n > 0 {
		n--
		w.acc = w.acc<<1 | v>>n&1
		if w.nbits++; w.nbits == 8 {
			w.b = append(w.b, byte(w.acc))
			w.acc, w.nbits = 0, 0
		}
	}
}

func (w *bitWriter) align() {
	if w.nbits > 0 {
		w.put(0, 8-w.nbits)
	}
}

// encode makes a bzip2 stream of data, with blocks of at most blockBytes bytes
// after RLE1, and trees Huffman trees that take turns.
func encode(data []byte, level, blockBytes, trees int) []byte {
	w := new(bitWriter)
	w.put('B'<<24|'Z'<<16|'h'<<8|uint64('0'+level), 32)
	sum := uint32(0)
	for len(data) > 0 {
		var rle []byte
		n := 0
		for n < len(data) && len(rle)+5 <= blockBytes {
			run := 1
			for run < 255 && n+run < len(data) && data[n+run] == data[n] {
				run++
			}
			for range min(run, 4) {
				rle = append(rle, data[n])
			}
			if run >= 4 {
				rle = append(rle, byte(run-4))
			}
			n += run
		}
		crc := bzip2Sum(data[:n])
		sum = (sum<<1 | sum>>31) ^ crc
		putBlock(w, rle, crc, trees)
		data = data[n:]
	}
	w.put(endMagic, 48)
	w.put(uint64(sum), 32)
	w.align()
	return w.b
}

func bzip2Sum(p []byte) uint32 {
	m := make([]byte, len(p))
	for i, b := range p {
		m[i] = bits.Reverse8(b)
	}
	return bits.Reverse32(crc32.ChecksumIEEE(m))
}

func putBlock(w *bitWriter, rle []byte, crc uint32, trees int) {
	order := rotations(rle)
	column := make([]byte, len(rle))
	for row, i := range order {
		column[row] = rle[(i+len(rle)-1)%len(rle)]
	}
	putColumn(w, column, slices.Index(order, 0), crc, trees)
}

// rotations sorts the rotations of b, by doubling.
func rotations(b []byte) []int {
	n := len(b)
	order, rank, next := make([]int, n), make([]int, n), make([]int, n)
	for i := range order {
		order[i], rank[i] = i, int(b[i])
	}
	for k := 1; ; k *= 2 {
		compare := func(i, j int) int {
			if c := rank[i] - rank[j]; c != 0 {
				return c
			}
			return rank[(i+k)%n] - rank[(j+k)%n]
		}
		slices.SortFunc(order, compare)
		for i := range order {
			next[order[i]] = 0
			if i > 0 {
				next[order[i]] = next[order[i-1]]
				if compare(order[i-1], order[i]) != 0 {
					next[order[i]]++
				}
			}
		}
		rank, next = next, rank
		if k >= n || rank[order[n-1]] == n-1 {
			return order
		}
	}
}

// putColumn writes a block whose last column is given.
func putColumn(w *bitWriter, column []byte, origin int, crc uint32, trees int) {
	var used [256]bool
	for _, b := range column {
		used[b] = true
	}
	var list []byte
	for b := range used {
		if used[b] {
			list = append(list, byte(b))
		}
	}
	end := len(list) + 1
	var symbols []int
	run := 0
	flush := func() {
		for ; run > 0; run = (run - 1) / 2 {
			symbols = append(symbols, 1-run%2)
		}
	}
	for _, b := range column {
		k := slices.Index(list, b)
		if k == 0 {
			run++
			continue
		}
		flush()
		symbols = append(symbols, k+1)
		copy(list[1:], list[:k])
		list[0] = b
	}
	flush()
	symbols = append(symbols, end)

	groups := (len(symbols) + groupSymbols - 1) / groupSymbols
	lengths := make([][]int, trees)
	for t := range lengths {
		count := make([]int, end+1)
		for i, s := range symbols {
			if i/groupSymbols%trees == t {
				count[s]++
			}
		}
		lengths[t] = codeLengths(count)
	}

	w.put(blockMagic, 48)
	w.put(uint64(crc), 32)
	w.put(0, 1)
	w.put(uint64(origin), 24)
	for hi := range 16 {
		w.put(b2u(slices.Contains(used[hi*16:hi*16+16], true)), 1)
	}
	for hi := range 16 {
		if slices.Contains(used[hi*16:hi*16+16], true) {
			for lo := range 16 {
				w.put(b2u(used[hi*16+lo]), 1)
			}
		}
	}
	w.put(uint64(trees), 3)
	w.put(uint64(groups), 15)
	for g := range groups { // taking turns: each time the last of the list
		k := trees - 1
		if g < trees {
			k = g
		}
		for range k {
			w.put(1, 1)
		}
		w.put(0, 1)
	}
	codes := make([][]uint64, trees)
	for t, ls := range lengths {
		at := ls[0]
		w.put(uint64(at), 5)
		for _, n := range ls {
			for ; at < n; at++ {
				w.put(2, 2)
			}
			for ; at > n; at-- {
				w.put(3, 2)
			}
			w.put(0, 1)
		}
		codes[t] = make([]uint64, len(ls))
		code := uint64(0)
		for n := 1; n <= maxCodeBits; n++ {
			code <<= 1
			for s := range ls {
				if ls[s] == n {
					codes[t][s] = code
					code++
				}
			}
		}
	}
	for i, s := range symbols {
		t := i / groupSymbols % trees
		w.put(codes[t][s], uint(lengths[t][s]))
	}
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// codeLengths returns the lengths of a complete Huffman code for the counts,
// skewed enough to give long codes as well.
func codeLengths(count []int) []int {
	weight := slices.Clone(count)
	for {
		lengths := make([]int, len(count))
		type node struct {
			weight  int
			symbols []int
		}
		var nodes []node
		for s, c := range weight {
			nodes = append(nodes, node{c + 1, []int{s}})
		}
		for len(nodes) > 1 {
			slices.SortStableFunc(nodes, func(a, b node) int { return b.weight - a.weight })
			a, b := nodes[len(nodes)-1], nodes[len(nodes)-2]
			joined := node{a.weight + b.weight, slices.Concat(a.symbols, b.symbols)}
			for _, s := range joined.symbols {
				lengths[s]++
			}
			nodes = append(nodes[:len(nodes)-2], joined)
		}
		if slices.Max(lengths) <= maxCodeBits {
			return lengths
		}
		for s := range weight {
			weight[s] /= 2
		}
	}
}
