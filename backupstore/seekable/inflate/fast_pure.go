//go:build purego || !(amd64 || arm64 || loong64 || ppc64le)

package inflate

const (
	haveFast   = false
	fastMargin = 32
)

func (c *core) fast(stop int) (wrong string) { return c.careful(stop) }

// fast16 is not called: without the fast loop nothing is decoded ahead.
func (c *core) fast16(int) (wrong string) { return badSymbol }
