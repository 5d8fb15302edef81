//go:build purego || (!amd64 && !arm64)

package sums

const hasBlocks2 = false

// blocks2 is not called where hasBlocks2 is false.
func blocks2(a, b *[8]uint32, p, q *byte, n int) {}
