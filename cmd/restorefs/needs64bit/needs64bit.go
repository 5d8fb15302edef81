//go:build !386 && !arm && !mips && !mipsle

// Package needs64bit is empty. It has no file at all for 32-bit processors, so that a build for one
// of them fails at once, with this name as the reason: offsets in decoded bytes are ints, and an
// object has 2 GB and more.
package needs64bit
