package unzstd

import (
	"bytes"
	"math/bits"
	"slices"
	"testing"
)

// readPure reads all sequences of a block the slow way, as RFC 8878, 3.1.1.3.2
// tells it. b is the bit stream alone.
func readPure(b []byte, count int, tables *[3]table, reps [3]uint32) (seqs []sequence, newReps [3]uint32, ok bool) {
	if len(b) == 0 || b[len(b)-1] == 0 {
		return nil, reps, false
	}
	pos := 8*len(b) - 9 + bits.Len8(b[len(b)-1])
	take := func(n uint) (v uint32) {
		for range n {
			pos--
			v <<= 1
			if pos >= 0 {
				v |= uint32(b[pos/8]>>(pos%8)) & 1
			}
		}
		return v
	}
	var cells [3]entry
	for i := range tables {
		cells[i] = tables[i].entries[take(tables[i].log)]
	}
	for i := range count {
		off := cells[offset].value + take(uint(cells[offset].valueBits))
		length := cells[matchLen].value + take(uint(cells[matchLen].valueBits))
		lits := cells[litLen].value + take(uint(cells[litLen].valueBits))
		if uint(cells[offset].valueBits) > 1 {
			reps = [3]uint32{off, reps[0], reps[1]}
		} else {
			if lits == 0 {
				off++
			}
			switch off {
			case 2:
				reps = [3]uint32{reps[1], reps[0], reps[2]}
			case 3:
				reps = [3]uint32{reps[2], reps[0], reps[1]}
			case 4:
				reps = [3]uint32{reps[0] - 1, reps[0], reps[1]}
			}
			off = reps[0]
			if off == 0 {
				return nil, reps, false
			}
		}
		seqs = append(seqs, sequence{lits, length, off})
		if i < count-1 {
			for _, k := range []int{litLen, matchLen, offset} {
				cells[k] = tables[k].entries[uint32(cells[k].next)+take(uint(cells[k].stateBits))]
			}
		}
	}
	return seqs, reps, pos == 0
}

// executePure appends the sequences' output to history, byte by byte.
func executePure(history []byte, size int64, most int, seqs []sequence, lits []byte) (out, left []byte, ok bool) {
	start := len(history)
	for _, s := range seqs {
		if int(s.lits) > len(lits) || len(history)-start+int(s.lits)+int(s.length) > most {
			return nil, nil, false
		}
		history = append(history, lits[:s.lits]...)
		lits = lits[s.lits:]
		if int64(s.offset) > size || int(s.offset) > len(history) {
			return nil, nil, false
		}
		for range s.length {
			history = append(history, history[len(history)-int(s.offset)])
		}
	}
	return history, lits, true
}

// padded returns b with n readable bytes before and m after it.
func padded(n int, b []byte, m int) []byte {
	return join(bytes.Repeat([]byte{0xa5}, n), b, bytes.Repeat([]byte{0x5a}, m))
}

func FuzzFastLoopsEqualPlainOnes(f *testing.F) {
	f.Add([]byte{0, 0, 0}, []byte{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 1}, uint16(3), uint16(100))
	f.Add([]byte{1, 3, 1, 9, 1, 7}, []byte{0xff, 0xff, 0xff, 0x7f, 1}, uint16(7), uint16(60000))
	r := image(21, 40000)
	for i := range 40 {
		f.Add([]byte{byte(i % 2), 20, byte(i / 2 % 2), 25, byte(i / 4 % 2), 30}, r[i*900:i*900+10*i+7], uint16(i*3), uint16(r[i])<<8)
	}
	f.Fuzz(func(t *testing.T, desc, stream []byte, count, before uint16) {
		var tables [3]table
		for i := range tables {
			if len(desc) == 0 {
				return
			}
			n, err := tables[i].read(&kinds[i], int(desc[0])%modeRepeat, desc[1:])
			if err != nil {
				return
			}
			desc = desc[1+n:]
		}
		count = count%2000 + 1
		reps := [3]uint32{1, 4, 8}
		want, wantReps, wantOK := readPure(stream, int(count), &tables, reps)

		r := sequenceReader{reps: reps}
		err := r.start(padded(bitPad, stream, bitPad), int(count), &tables)
		var got []sequence
		for err == nil && r.left > 0 {
			var some [batch]sequence
			var n int
			n, err = r.read(some[:], &tables)
			got = append(got, some[:n]...)
		}
		if (err == nil) != wantOK {
			t.Fatalf("error %v, want ok %v", err, wantOK)
		}
		if err == nil && (!slices.Equal(got, want) || r.reps != wantReps) {
			t.Fatal("other sequences")
		}

		// Execute them in a ring that has wrapped, after as many bytes as before.
		var w window
		history := image(22, int(before))
		w.reset(1<<14, 0, -1)
		for at := 0; at < len(history); {
			n := min(1000, len(history)-at)
			w.begin(n)
			w.append(history[at : at+n])
			at += n
		}
		lits := image(23, 3000)
		const most = 20000
		wantOut, wantLeft, ok := executePure(history, w.size, most, got, lits)
		w.begin(most)
		left := padded(0, lits, slack)[:len(lits)]
		for len(got) > 0 && err == nil {
			n := min(batch, len(got))
			left, err = execute(&w, got[:n], left)
			got = got[n:]
		}
		if (err == nil) != ok && r.left == 0 && wantOK {
			t.Fatalf("executed with %v, want ok %v", err, ok)
		}
		if err == nil && ok && (!bytes.Equal(w.buf[w.start:w.pos], wantOut[len(history):]) || !bytes.Equal(left, wantLeft)) {
			t.Fatal("other bytes")
		}
	})
}
