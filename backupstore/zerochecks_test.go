package backupstore

import "testing"

// However many blocks a digest file wrongly calls zero: what is kept of them is
// bounded, and none of them is forgotten.
func TestDeniedBlocksAreBoundedAndStayDenied(t *testing.T) {
	const block, blocks = 32 << 10, 3 * maxZeroRanges
	z := newZeroChecks()
	for i := int64(0); i < blocks; i++ {
		z.deny(2*i*block, (2*i+1)*block)
		if len(z.denied) > maxZeroRanges {
			t.Fatalf("%d ranges are kept", len(z.denied))
		}
	}
	for i := int64(0); i < blocks; i++ {
		if at := z.allowed(2*i*block, (2*i+1)*block); at != 2*i*block {
			t.Fatalf("block %d is passed over", 2*i)
		}
	}
	if end := int64(3 * blocks * block); z.allowed(2*blocks*block, end) != end {
		t.Error("what lies behind them is denied")
	}
}
