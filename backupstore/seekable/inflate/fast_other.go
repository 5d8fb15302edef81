//go:build purego || !amd64

package inflate

const hasLoop = false

// fastest is not called where hasLoop is false.
func (c *core) fastest(stop int) (wrong string) { return c.fast(stop) }
