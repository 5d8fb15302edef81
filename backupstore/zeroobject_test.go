package backupstore

import (
	"crypto/md5"
	"testing"
)

// The usual length's sum is not computed at run time, so it is here, where that
// may take some seconds.
func TestTheMD5OfZerosIsRight(t *testing.T) {
	t.Parallel()
	lengths := []int64{1, 64 << 10, 1<<20 + 1}
	if !testing.Short() {
		lengths = append(lengths, fileSize)
	}
	for _, n := range lengths {
		h := md5.New()
		zeros := make([]byte, 1<<20)
		for left := n; left > 0; left -= int64(len(zeros)) {
			h.Write(zeros[:min(left, int64(len(zeros)))])
		}
		if got, err := newZeroSums().md5(t.Context(), n); err != nil || got != [16]byte(h.Sum(nil)) {
			t.Errorf("of %d zeros: %x, %v", n, got, err)
		}
	}
}
