//go:build !386 && !arm && !mips && !mipsle

// Package needs64bit is empty. It has no file at all for processors of 32 bits,
// so that a build for one of them ends before it begins, with its name as the
// reason: offsets in decoded bytes are ints, and an object has 2 GB and more.
package needs64bit
