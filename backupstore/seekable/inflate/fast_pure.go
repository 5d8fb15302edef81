//go:build purego

package inflate

const (
	haveFast   = false
	fastMargin = 32
)

func (c *core) fast(stop int) (wrong string) { return c.careful(stop) }
