package backupstore

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// byteProof is what proves one byte: the slow and obvious way to say it.
type byteProof struct {
	by     proof
	row    int64 // by a row
	object int   // by MD5
}

// provenBytes says what proves each byte of a volume.
func provenBytes(extents []extent, rows rowGrid, size int64) []byteProof {
	holder := make([]int, size) // by byte: object + 1
	for _, e := range extents {
		for i := e.off; i < e.end; i++ {
			holder[i] = e.object + 1
		}
	}
	out := make([]byteProof, size)
	for i := range size {
		switch {
		case i < rows.end:
			out[i] = byteProof{by: byRow, row: i / rows.block}
		case holder[i] > 0:
			out[i] = byteProof{by: byMD5, object: holder[i] - 1}
		default:
			out[i] = byteProof{by: byAbsence}
		}
	}
	if rows.block == 0 || rows.end%rows.block == 0 {
		return out
	}
	// The rest of the block of the last row is that row's, unless objects have some of it.
	block := min((rows.end/rows.block+1)*rows.block, size)
	if rest := holder[min(rows.end, block):block]; !slices.ContainsFunc(rest, func(h int) bool { return h > 0 }) {
		for i := rows.end; i < block; i++ {
			out[i] = byteProof{by: byRow, row: rows.end / rows.block}
		}
	}
	return out
}

// randomExtents are sorted, do not overlap, have gaps here and there, and touch or
// not; some objects have several.
func randomExtents(rng *rand.Rand, size int64) []extent {
	var out []extent
	for at := int64(0); at < size; {
		end := min(at+1+rng.Int64N(7), size)
		if rng.IntN(3) > 0 {
			out = append(out, extent{at, end, rng.IntN(4)})
		}
		at = end
	}
	return out
}

// checkPieces compares the pieces of [off, end) with what proves each byte.
func checkPieces(v *Volume, want []byteProof, off, end int64) error {
	at := off
	for p := range v.pieces(off, end) {
		if p.off != at || p.end <= p.off || p.end > end {
			return fmt.Errorf("piece %+v comes at %d of %d", p, at, end)
		}
		for i := p.off; i < p.end; i++ {
			if want[i] != (byteProof{p.by, p.row, p.object}) {
				return fmt.Errorf("byte %d is in %+v, and proven by %+v", i, p, want[i])
			}
		}
		if p.by == byRow {
			start := p.row * v.rows.block
			if p.covers != min(start+v.rows.block, v.rows.end)-start || p.off < start || p.end > start+v.rows.block {
				return fmt.Errorf("piece %+v is not of one block, or its row covers something else", p)
			}
		}
		// No piece of a row, and of nothing, could be longer.
		if p.end < end && want[p.end] == want[p.end-1] && p.by != byMD5 {
			return fmt.Errorf("piece %+v ends too soon", p)
		}
		at = p.end
	}
	if at != end {
		return fmt.Errorf("pieces end at %d of %d", at, end)
	}
	return nil
}

func TestPiecesAreWhatProvesEachByte(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		size := 1 + rng.Int64N(40)
		v := &Volume{layout: layout{size: size, extents: randomExtents(rng, size)}}
		if rng.IntN(5) > 0 {
			// A digest file can be of more than the volume, and of less.
			block := 1 + rng.Int64N(8)
			v.rows = &digestRows{rowGrid: rowGrid{block, 1 + rng.Int64N(size+block)}}
		}
		want := provenBytes(v.extents, v.grid(), size)
		for off := range size + 1 {
			for end := off; end <= size; end++ {
				if err := checkPieces(v, want, off, end); err != nil {
					t.Fatalf("%v: of %d bytes, rows %+v, extents %v, in [%d, %d)", err, size, v.grid(), v.extents, off, end)
				}
			}
		}
	}
}

func TestHasExtentAndHasAllGoByEachByte(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		size := 1 + rng.Int64N(30)
		extents := randomExtents(rng, size)
		proofs := provenBytes(extents, rowGrid{}, size)
		for off := range size {
			some, all := false, true
			for end := off + 1; end <= size; end++ {
				held := proofs[end-1].by == byMD5
				some, all = some || held, all && held
				if hasExtent(extents, off, end) != some || hasAll(extents, off, end) != all {
					t.Fatalf("[%d, %d) of %v", off, end, extents)
				}
			}
		}
	}
}

// Each read goes through the pieces of all its blocks.
func TestPiecesAllocateNothing(t *testing.T) {
	v := &Volume{layout: layout{size: 100, extents: []extent{{0, 10, 0}, {20, 95, 1}}}, digests: digests{rows: &digestRows{rowGrid: rowGrid{8, 90}}}}
	var sum int64
	if n := testing.AllocsPerRun(100, func() {
		for p := range v.pieces(3, 97) {
			sum += p.end
		}
		sum += v.pieceAt(4, 100).end
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
