package inflate

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

var errDisk = errors.New("bad sector")

// ending gives good bytes and then err, although it says that there are more.
type ending struct {
	memory
	good int64
	err  error
}

func (e *ending) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= e.good {
		return copy(p, e.b[off:]), nil
	}
	return copy(p, e.b[min(off, e.good):e.good]), e.err
}

// Wherever the source fails, that is not taken for the end of the object; one that has become
// shorter is.
func TestTroubleOfTheSourceIsToldFromTheEndOfTheObject(t *testing.T) {
	stored := compress(t, []byte("some text, some more text"), 6)
	for said, want := range map[error]error{errDisk: errDisk, io.EOF: io.ErrUnexpectedEOF, nil: io.ErrUnexpectedEOF} {
		for good := range int64(len(stored)) {
			d := New(&ending{memory{b: stored}, good, said}, Options{})
			_, err := inSteps(d, 7)
			if err == io.EOF {
				err = d.Finish(context.Background())
			}
			if d.Close(); !errors.Is(err, want) {
				t.Errorf("%v after %d bytes: %v, want %v", said, good, err, want)
			}
		}
	}
}

// wild returns another number of bytes than it may.
type wild struct {
	memory
	more int
}

func (w *wild) ReadAt(_ context.Context, p []byte, _ int64) (int, error) { return w.more, nil }

func TestASourceThatReturnsANumberThatCannotBeIsAnError(t *testing.T) {
	stored := compress(t, []byte("some text"), 6)
	for _, n := range []int{-1, len(stored) + 1, 1 << 40} {
		d := New(&wild{memory{b: stored}, n}, Options{})
		if _, err := inSteps(d, 7); err == nil || !strings.Contains(err.Error(), "source returned") {
			t.Errorf("%d bytes: %v", n, err)
		}
		d.Close()
	}
}

func TestFinishingTellsWhatStoppedIt(t *testing.T) {
	want := diskLike(3000, 79)
	stored := compress(t, want, 6)
	d := New(&memory{b: stored}, Options{})
	defer d.Close()
	if _, err := d.Read(t.Context(), make([]byte, len(want))); err != nil {
		t.Fatal(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := d.Finish(stopped); err != context.Canceled {
		t.Errorf("stopped: %v", err)
	}
	if err := d.Finish(t.Context()); err != nil {
		t.Errorf("then: %v", err)
	}

	if !haveFast {
		return // it decodes no more than it is asked for
	}
	// What is wrong is wrong, also while bytes from before it are left.
	o := oddities[4]
	bad, before, _ := o.stream()
	d = New(&memory{b: append(bad, make([]byte, 64)...)}, Options{})
	defer d.Close()
	for _, n := range []int{len(before), 1} {
		if _, err := d.Read(t.Context(), make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Finish(t.Context()); reason(err) != o.want {
		t.Errorf("%v, not %q", err, o.want)
	}
}

func TestNoEntryIsFoundWhereThereIsNone(t *testing.T) {
	noise := make([]byte, 100_000)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	for _, size := range []int{3, 100, 1000, len(noise)} {
		if cp, found, err := FindEntry(t.Context(), &memory{b: noise[:size]}, headerEnd+1); found || err != nil || cp.State != nil {
			t.Errorf("in %d bytes: %+v, %v, %v", size, cp, found, err)
		}
	}
	if _, found, err := FindEntry(t.Context(), &ending{memory{b: noise}, 10, errDisk}, headerEnd+1); found || !errors.Is(err, errDisk) {
		t.Errorf("trouble: %v, %v", found, err)
	}
	if cp, found, err := FindEntry(t.Context(), &memory{b: noise}, headerEnd); !found || err != nil || cp.In != 8*headerEnd || cp.Out != 0 {
		t.Errorf("at the start: %+v, %v, %v", cp, found, err)
	}
}

// Where the stream ends, bits that are not there make no code, neither one of a long code's table
// nor one that has no meaning.
func TestACodeThatIsCutIsNoOtherError(t *testing.T) {
	for ones := range 8 {
		w := &bitWriter{b: []byte{0x78, 0x9c}}
		lens := map[int]uint32{256: 15} // 1 to 9 bits, and 64 of 15, in four tables
		for i := range 9 {
			lens[i] = uint32(i + 1)
		}
		for i := 9; i < 9+63; i++ {
			lens[i] = 15
		}
		w.codes(257, lens, 1)
		for range ones {
			w.code(0, 1)
		}
		for range 3 {
			w.code(0x7fc0, 15) // the first of 15 bits
		}
		mustBeCut(t, w.b)
	}
	aligned := 0
	for threes := range 8 {
		w := &bitWriter{b: []byte{0x78, 0x9c}}
		w.codes(258, map[int]uint32{'a': 2, 'b': 3, 256: 3, 257: 1}, 0)
		w.code(2, 2)
		for range threes {
			w.code(6, 3)
		}
		if w.code(0, 1); w.n == 0 { // a match, and no distance
			mustBeCut(t, w.b)
			aligned++
		}
	}
	if aligned == 0 {
		t.Error("no stream ends behind a whole byte")
	}
}

// mustBeCut decodes what is left of stored when it is cut at each byte.
func mustBeCut(t *testing.T, stored []byte) {
	t.Helper()
	for cut := range len(stored) + 1 {
		eachLoop(t, func(t *testing.T, use loops) {
			d := New(&memory{b: bytes.Clone(stored[:cut])}, Options{})
			defer d.Close()
			d.loops = use
			if _, err := inSteps(d, 100); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("cut at %d of %d: %v", cut, len(stored), err)
			}
		})
	}
}
