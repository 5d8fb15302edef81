package materialize

import (
	"bytes"
	"errors"

	"golang.org/x/sys/unix"
)

// zeroes is the source for writing zeros, and is compared with blocks to find
// zeros.
var zeroes [256 << 10]byte

// allZero reports whether p holds only zeros.
func allZero(p []byte) bool {
	for len(p) > len(zeroes) {
		if !bytes.Equal(p[:len(zeroes)], zeroes[:]) {
			return false
		}
		p = p[len(zeroes):]
	}
	return bytes.Equal(p, zeroes[:len(p)])
}

// zeroModes are the ways to make a range zero, best first. The kernel
// guarantees zeros for each: on a device, PUNCH_HOLE writes zeros with unmap
// and fails if the device cannot do that, ZERO_RANGE falls back to writing
// zeros (Linux block/fops.c, blkdev_fallocate). Plain discard guarantees
// nothing and is not used.
var zeroModes = []uint32{
	unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE,
	unix.FALLOC_FL_ZERO_RANGE | unix.FALLOC_FL_KEEP_SIZE,
}

const (
	zeroStepBytes = 64 << 20 // the most that a caller should zero at a time
	// On a device, shorter ranges are written: a command would cost more.
	zeroMinDevice = 64 << 10
)

// zero makes [off, off+n) read as zeros, whatever it held before.
func (t *Target) zero(off, n int64) error {
	if err := t.zeroRange(off, n); err != nil {
		return &TargetError{Target: t.path, Op: "zero", Off: off, Len: n, Err: cause(err)}
	}
	return nil
}

func (t *Target) zeroRange(off, n int64) error {
	if t.kind == KindDevice {
		// The kernel accepts only whole logical blocks.
		lo, hi := roundUp(off, t.blockBytes), (off+n)&^(t.blockBytes-1)
		if hi-lo < zeroMinDevice {
			return t.writeZeros(off, n)
		}
		if err := t.writeZeros(off, lo-off); err != nil {
			return err
		}
		if err := t.writeZeros(hi, off+n-hi); err != nil {
			return err
		}
		off, n = lo, hi-lo
	}
	for {
		m := t.zeroMode.Load()
		if int(m) == len(zeroModes) {
			return t.writeZeros(off, n)
		}
		err := ignoringEINTR(func() error { return unix.Fallocate(t.fd(), zeroModes[m], off, n) })
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS), errors.Is(err,
			unix.EINVAL), errors.Is(err, unix.ENODEV):
			t.zeroMode.CompareAndSwap(m, m+1)
		default:
			return err
		}
	}
}

func (t *Target) writeZeros(off, n int64) error {
	for n > 0 {
		k := min(n, int64(len(zeroes)))
		if _, err := t.f.WriteAt(zeroes[:k], off); err != nil {
			return err
		}
		off, n = off+k, n-k
	}
	return nil
}

func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }

func ignoringEINTR(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
