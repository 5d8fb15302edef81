//go:build !purego

package sums

import "golang.org/x/sys/cpu"

// blocks2 goes on with SHA-256 of two messages, whose states are a and b, by n blocks of 64 bytes
// each at p and at q. n is positive.
//
//go:noescape
func blocks2(a, b *[8]uint32, p, q *byte, n int)

// hasSHA says whether the processor has instructions for SHA-256.
func hasSHA() bool

var hasBlocks2 = cpu.X86.HasSSE41 && cpu.X86.HasSSSE3 && hasSHA()
