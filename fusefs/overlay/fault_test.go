package overlay

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
)

var errFull error = &fs.PathError{Op: "write", Path: "data", Err: syscall.ENOSPC}

// Any operation fails once, with an error: what failed was not acknowledged, all
// else is there, now and after the power was lost.
func TestAFailureOfAnyOperationIsToldAndLosesNothing(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 5))
		d := newDisk(seed)
		d.loses, d.tear = true, blockBytes
		b := &base{size: simSize}
		h := newHistory(b)
		for life := range 4 {
			o, err := attached(d, b)
			if err != nil {
				t.Fatalf("seed %d, life %d: %v", seed, life, err)
			}
			if err := h.settle(o); err != nil {
				t.Fatalf("seed %d, life %d: %v", seed, life, err)
			}
			failAt := d.ops + 1 + random.IntN(40)
			d.fault = func(op int, what string) error {
				if op == failAt {
					return errFull
				}
				return nil
			}
			for range 30 {
				err := h.use(random, o)
				if err != nil && !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("seed %d, life %d: %v", seed, life, err)
				}
				if err != nil { // a part of it may have been done
					if err := h.see(o); err != nil {
						t.Fatalf("seed %d, life %d, after a failure: %v", seed, life, err)
					}
				}
				if errors.Is(err, ErrFailed) {
					break
				}
				if random.IntN(4) == 0 {
					if err := h.verify(o); err != nil {
						t.Fatalf("seed %d, life %d: %v", seed, life, err)
					}
				}
			}
			d.dead = true
			d.restart()
		}
	}
}

// see takes over what is there after a write that failed, which must be one of
// the things that may be, but need not be safe.
func (h *history) see(o *Overlay) error {
	may := h.may
	h.may = map[int64][][]byte{}
	for i, b := range may {
		h.may[i] = b
	}
	if err := h.settle(o); err != nil {
		return err
	}
	h.may = may
	return nil
}

func TestDataThatCannotBeMadeSafeEndsTheWriting(t *testing.T) {
	ctx := context.Background()
	d := newDisk(1)
	o, err := attached(d, &base{size: simSize})
	if err != nil {
		t.Fatal(err)
	}
	block := bytes.Repeat([]byte{7}, blockBytes)
	if err := errors.Join(o.WriteAt(ctx, block, 0), o.Sync(ctx), o.WriteAt(ctx, block, blockBytes)); err != nil {
		t.Fatal(err)
	}
	d.fault = func(_ int, what string) error {
		if what == "sync "+dataName("b") {
			return syscall.EIO
		}
		return nil
	}
	if err := o.Sync(ctx); !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.EIO) {
		t.Errorf("sync: %v", err)
	}
	d.fault = nil // the next fdatasync would succeed
	for name, err := range map[string]error{
		"sync": o.Sync(ctx), "write": o.WriteAt(ctx, block, 0), "zero": o.Zero(ctx, 0, 1), "allocate": o.Allocate(ctx, 0, 1),
	} {
		if !errors.Is(err, ErrFailed) {
			t.Errorf("%s afterwards: %v", name, err)
		}
	}
	got := make([]byte, blockBytes)
	if err := o.ReadAt(ctx, got, 0); err != nil || !bytes.Equal(got, block) {
		t.Errorf("what was safe cannot be read: %v", err)
	}
	if err := o.Close(); !errors.Is(err, ErrFailed) {
		t.Errorf("close: %v", err)
	}
}

func TestAMapThatCannotBeWrittenIsTriedAgain(t *testing.T) {
	ctx := context.Background()
	d := newDisk(1)
	d.loses = true
	b := &base{size: simSize}
	o, err := attached(d, b)
	if err != nil {
		t.Fatal(err)
	}
	block := bytes.Repeat([]byte{7}, blockBytes)
	for i, what := range []string{"write ", "sync "} {
		if err := o.WriteAt(ctx, block, int64(5+i)*blockBytes); err != nil {
			t.Fatal(err)
		}
		d.fault = func(_ int, did string) error {
			if did == what+mapName("b") {
				return syscall.EIO
			}
			return nil
		}
		if err := o.Sync(ctx); err == nil || errors.Is(err, ErrFailed) {
			t.Errorf("sync while %sfails: %v", what, err)
		}
		d.fault = nil
		if err := o.Sync(ctx); err != nil {
			t.Errorf("sync afterwards: %v", err)
		}
	}
	d.dead = true
	d.restart()
	if o, err = attached(d, b); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int64{5, 6} {
		got := make([]byte, blockBytes)
		if err := o.ReadAt(ctx, got, i*blockBytes); err != nil || !bytes.Equal(got, block) {
			t.Errorf("block %d is lost (%v)", i, err)
		}
	}
}

func TestABlockThatCannotBeReadBelowIsNotChangedInPart(t *testing.T) {
	ctx := context.Background()
	d := newDisk(1)
	b := &base{size: simSize, bad: [2]int64{0, 3 * blockBytes}}
	o, err := attached(d, b)
	if err != nil {
		t.Fatal(err)
	}
	// Both ends of a range: nothing of it is written.
	if err := o.WriteAt(ctx, make([]byte, 4*blockBytes), 2*blockBytes+1); !errors.Is(err, errBad) {
		t.Errorf("a part of a damaged block: %v", err)
	}
	if stop, written, err := o.Next(ctx, 0, simSize); stop != simSize || written || err != nil {
		t.Errorf("something was written: to %d, %v, %v", stop, written, err)
	}
	whole := bytes.Repeat([]byte{3}, blockBytes)
	got := make([]byte, blockBytes)
	if err := errors.Join(o.WriteAt(ctx, whole, blockBytes), o.ReadAt(ctx, got, blockBytes)); err != nil || !bytes.Equal(got, whole) {
		t.Errorf("a damaged block cannot be replaced: %v", err)
	}
	if err := errors.Join(o.WriteAt(ctx, whole[:1], blockBytes+9), o.Zero(ctx, 2*blockBytes, blockBytes)); err != nil {
		t.Errorf("now it cannot be changed in part: %v", err)
	}
	if err := o.ReadAt(ctx, got, 0); !errors.Is(err, errBad) {
		t.Errorf("reading what was not written: %v", err)
	}
}

func TestWithoutRoomForTheMapNothingIsAcknowledged(t *testing.T) {
	ctx := context.Background()
	d := newDisk(1)
	o, err := attached(d, &base{size: simSize})
	if err != nil {
		t.Fatal(err)
	}
	block := bytes.Repeat([]byte{7}, blockBytes)
	d.fault = func(_ int, what string) error {
		if strings.HasPrefix(what, "allocate ") || what == "create "+dataName("b") {
			return errFull
		}
		return nil
	}
	for range 2 {
		if err := o.WriteAt(ctx, block, 0); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("got %v", err)
		}
	}
	d.fault = nil
	if err := errors.Join(o.WriteAt(ctx, block, 0), o.Sync(ctx)); err != nil {
		t.Errorf("with room again: %v", err)
	}
	// A file system without fallocate.
	d.fault = func(_ int, what string) error {
		if strings.HasPrefix(what, "allocate ") {
			return syscall.EOPNOTSUPP
		}
		return nil
	}
	if err := errors.Join(o.WriteAt(ctx, block, 2*pageBlocks*blockBytes), o.Sync(ctx)); err != nil {
		t.Errorf("without fallocate: %v", err)
	}
	if err := o.Allocate(ctx, 0, 1); !errors.Is(err, syscall.EOPNOTSUPP) {
		t.Errorf("allocate without fallocate: %v", err)
	}
}
