package overlay

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// run is a run of blocks that were written.
type run struct{ off, end int64 }

// writtenRuns asks for what was written, page by page: of pages that give an error
// it returns the volume offsets.
func writtenRuns(t *testing.T, o *Overlay, what string) (runs []run, bad []int64) {
	t.Helper()
	for page := int64(0); page < simSize; page += pageSpan {
		for off := page; off < min(page+pageSpan, simSize); {
			stop, written, err := o.Next(t.Context(), off, min(page+pageSpan, simSize))
			if errors.Is(err, ErrDamaged) && off == page {
				bad = append(bad, page)
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if written {
				runs = append(runs, run{off, stop})
			}
			off = stop
		}
	}
	return runs, bad
}

// Whichever bit of a map, or of the seal behind the data, is another one: an error
// of all who ask, or all that was written and nothing else.
// RESTOREFS_FLIPS=10000 flips so many.
func TestNoFlippedBitOfAMapGivesAWrongBlock(t *testing.T) {
	flips, err := strconv.Atoi(cmp.Or(os.Getenv("RESTOREFS_FLIPS"), "240"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	b := &base{size: simSize}
	o := mustOpen(t, dir, Options{})
	h := newHistory(b)
	random := rand.New(rand.NewPCG(7, uint64(flips)))
	for range 6 { // both slots of a page have been used, and one page was never written
		for page := range int64(3) {
			off := page*pageSpan + random.Int64N(5000)*blockBytes
			p := bytes.Repeat([]byte{byte(random.IntN(255) + 1)}, 1+random.IntN(3*blockBytes))
			acknowledged := h.write(p, off)
			if err := errors.Join(o.WriteAt(t.Context(), p, off), o.Sync(t.Context())); err != nil {
				t.Fatal(err)
			}
			acknowledged()
			h.synced()
		}
	}
	want, bad := writtenRuns(t, o, "as written")
	if err := errors.Join(h.verify(o), o.Close()); err != nil || len(want) < 10 || bad != nil {
		t.Fatal(err, want, bad)
	}
	mapFile, dataFile := filepath.Join(dir, testKey.Backup+mapSuffix), filepath.Join(dir, testKey.Backup+dataSuffix)
	good, err := os.ReadFile(mapFile)
	if err != nil {
		t.Fatal(err)
	}
	seal := make([]byte, headerBytes)
	data, err := os.OpenFile(dataFile, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	if _, err := data.ReadAt(seal, testKey.sealOffset()); err != nil {
		t.Fatal(err)
	}
	index, err := os.OpenFile(mapFile, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer index.Close()
	var refused, noticed, harmless int
	for range flips {
		f, whole, at, name := index, good, int64(0), "map"
		if random.IntN(8) == 0 {
			f, whole, at, name = data, seal, testKey.sealOffset(), "seal"
		}
		i, bit := random.IntN(len(whole)), random.IntN(8)
		what := name + ", byte " + strconv.Itoa(i) + ", bit " + strconv.Itoa(bit)
		if _, err := f.WriteAt([]byte{whole[i] ^ 1<<bit}, at+int64(i)); err != nil {
			t.Fatal(err)
		}
		list, err := List(dir)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: listed as %+v, %v", what, list, err)
		}
		problem := list[0].Problem != ""
		var opened *Overlay
		if random.IntN(2) == 0 {
			opened, err = OpenReadOnly(t.Context(), dir, testKey, b, Options{})
		} else {
			opened, err = Open(t.Context(), dir, testKey, b, Options{})
		}
		switch {
		case errors.Is(err, ErrDamaged) || errors.Is(err, ErrVersion) || errors.Is(err, ErrOther):
			if refused++; !problem {
				t.Errorf("%s: open says %v, List nothing", what, err)
			}
		case err != nil:
			t.Fatalf("%s: %v", what, err)
		default:
			runs, bad := writtenRuns(t, opened, what)
			left := slices.DeleteFunc(slices.Clone(want), func(r run) bool { return slices.Contains(bad, r.off/pageSpan*pageSpan) })
			if !slices.Equal(runs, left) {
				t.Fatalf("%s: silently, %v is written instead of %v", what, runs, left)
			}
			for _, r := range left {
				got, is := make([]byte, r.end-r.off), []byte{}
				for i := r.off / blockBytes; i*blockBytes < r.end; i++ {
					is = append(is, h.block(i)...)
				}
				if err := opened.ReadAt(context.Background(), got, r.off); err != nil || !bytes.Equal(got, is) {
					t.Fatalf("%s: wrong bytes at %d (%v)", what, r.off, err)
				}
			}
			if problem != (len(bad) > 0) {
				t.Errorf("%s: pages at %v are damaged, List says %q", what, bad, list[0].Problem)
			}
			if noticed++; len(bad) == 0 {
				noticed, harmless = noticed-1, harmless+1
			}
			if err := opened.Close(); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
		// What was opened may have been mended.
		_, err1 := index.WriteAt(good, 0)
		_, err2 := data.WriteAt(seal, testKey.sealOffset())
		if err := errors.Join(err1, err2); err != nil || t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d flips: %d refused, %d noticed, %d harmless", flips, refused, noticed, harmless)
	if noticed == 0 || harmless == 0 {
		t.Error("not all kinds of flips were seen")
	}
}
