//go:build !purego

package format

import "golang.org/x/sys/cpu"

// usualBlocks returns how many of the bytes of b[1:] are usual, counted in whole blocks of 32 bytes
// up to the first that has another. b[0] is the byte before them. Only where usesBlocks.
//
//go:noescape
func usualBlocks(b []byte) (n int)

// escapeBlocks returns the number of escapes at the start of b, as escapes does, counted by fours,
// up to the first four of which one is not. Only where usesBlocks.
//
//go:noescape
func escapeBlocks(b []byte) (count int)

var usesBlocks = cpu.X86.HasAVX2
