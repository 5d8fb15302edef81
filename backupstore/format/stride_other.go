//go:build purego || !amd64

package format

const usesBlocks = false

// usualBlocks is not called where usesBlocks is false.
func usualBlocks([]byte) int { return 0 }

// escapeBlocks is not called where usesBlocks is false.
func escapeBlocks([]byte) int { return 0 }
