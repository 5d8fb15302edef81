package bunzip2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// goroutines fails the test if it leaves more of them than there were.
func goroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for range 100 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
	})
}

// withMagicInside returns a stream of several blocks, the second of which holds
// the magic of a block where there is none: in a list of selectors that are
// never used.
func withMagicInside(data []byte) []byte {
	w := new(bitWriter)
	w.put('B'<<24|'Z'<<16|'h'<<8|'9', 32)
	sum := uint32(0)
	for i := 0; len(data) > 0; i++ {
		n := min(len(data), 3000)
		crc := bzip2Sum(data[:n])
		sum = (sum<<1 | sum>>31) ^ crc
		block := new(bitWriter)
		putBlock(block, data[:n], crc, 4)
		whole := block.b
		bits := len(whole)*8 + int(block.nbits)
		block.align()
		if i == 1 {
			putWithMagic(w, block.b, bits)
		} else {
			copyBits(w, block.b, 0, bits)
		}
		data = data[n:]
	}
	w.put(endMagic, 48)
	w.put(uint64(sum), 32)
	w.align()
	return w.b
}

func copyBits(w *bitWriter, b []byte, from, to int) {
	for ; from < to; from++ {
		w.put(uint64(b[from/8]>>(7-from%8)&1), 1)
	}
}

// putWithMagic copies a block, adding selectors that spell the magic: its runs
// of ones are shorter than four, so it is one if there are four trees.
func putWithMagic(w *bitWriter, b []byte, bits int) {
	at := 48 + 32 + 1 + 24
	ranges := 0
	for i := range 16 {
		ranges += int(b[(at+i)/8] >> (7 - (at+i)%8) & 1)
	}
	at += 16 + 16*ranges + 3
	count := 0
	for i := range 15 {
		count = count<<1 | int(b[(at+i)/8]>>(7-(at+i)%8)&1)
	}
	magic := uint64(blockMagic)
	extra := 0
	for i := range 48 {
		extra += int(^magic >> i & 1)
	}
	copyBits(w, b, 0, at)
	w.put(uint64(count+extra+1), 15)
	at += 15
	start := at
	for range count {
		for b[at/8]>>(7-at%8)&1 != 0 {
			at++
		}
		at++
	}
	copyBits(w, b, start, at)
	w.put(magic, 48)
	w.put(0, 1) // the magic ends with a one
	copyBits(w, b, at, bits)
}

func TestMagicInsideABlockIsNotABlock(t *testing.T) {
	goroutines(t)
	r := rand.New(rand.NewPCG(1, 1))
	data := make([]byte, 20_000) // no runs, which putBlock does not know
	for i := range data {
		data[i] = byte(i) ^ byte(r.Uint32()&0x7e)
	}
	whole := withMagicInside(data)
	o := &notes{t: t}
	d := New(stored(whole), Options{Workers: 3, Observer: o})
	defer d.Close()
	if got, err := readAll(d, 1<<20); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	f, hits := newFinder(), 0
	for at := 0; ; hits++ {
		if at = f.find(whole, at) + 1; at == 0 {
			break
		}
	}
	if hits != len(o.checkpoints)+1 {
		t.Fatalf("%d magics in a stream of %d blocks, want one more", hits, len(o.checkpoints))
	}
}

func TestWorkersEndWithCloseInTheMiddle(t *testing.T) {
	goroutines(t)
	data := random(rand.New(rand.NewPCG(2, 2)), 200_000)
	d := New(stored(encode(data, 1, 4000, 2)), Options{Workers: 4})
	got := make([]byte, 50_000)
	if n, err := d.Read(context.Background(), got); err != nil || !bytes.Equal(got[:n], data[:len(got)]) {
		t.Fatal(n, err)
	}
	if d.ahead == nil {
		t.Error("nothing decoded ahead")
	}
	d.Close()
	if _, err := d.Read(context.Background(), got); err == nil {
		t.Error("closed decoder reads")
	}
}

func TestFailureAheadIsReportedAtItsPlace(t *testing.T) {
	goroutines(t)
	data := random(rand.New(rand.NewPCG(3, 3)), 100_000)
	whole := encode(data, 1, 4000, 2)
	failure := errors.New("share is gone")
	damaged := slices.Clone(whole)
	damaged[len(damaged)/2] ^= 0x10
	for name, src := range map[string]stream.Source{
		"source fails": broken{whole, len(whole) / 2, failure},
		"damage":       stored(damaged),
		"truncated":    stored(whole[:len(whole)/2]),
	} {
		t.Run(name, func(t *testing.T) {
			var want []byte
			var errs [2]error
			for i, workers := range []int{0, 3} {
				d := New(src, Options{Workers: workers})
				got, err := readAll(d, 1<<20)
				d.Close()
				if !bytes.HasPrefix(data, got) || i > 0 && len(got) != len(want) || err == nil || err == io.EOF {
					t.Fatalf("%d bytes, %v; first %d", len(got), err, len(want))
				}
				want, errs[i] = got, err
			}
			if errs[0].Error() != errs[1].Error() {
				t.Errorf("%v\n%v", errs[0], errs[1])
			}
		})
	}
}
