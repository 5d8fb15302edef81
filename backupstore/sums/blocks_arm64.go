//go:build !purego

package sums

import "golang.org/x/sys/cpu"

// blocks2 goes on with SHA-256 of two messages, whose states are a and b, by n blocks of 64 bytes
// each at p and at q. n is positive.
//
//go:noescape
func blocks2(a, b *[8]uint32, p, q *byte, n int)

var hasBlocks2 = cpu.ARM64.HasSHA2
