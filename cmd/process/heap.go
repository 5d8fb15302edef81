package process

import (
	"os"
	"runtime/debug"
)

// heapGrowth is by how many percent the heap of KeepSmall may grow before it is collected.
const heapGrowth = 40

// KeepSmall has garbage collected earlier than Go does by itself, until the caller calls before,
// which it need not. It is for those who keep what they find out of a whole share: what they throw
// away meanwhile would double their memory, and to collect it costs little, as they throw away
// little. GOGC in the environment wins.
func KeepSmall() (before func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	percent := debug.SetGCPercent(heapGrowth)
	return func() { debug.SetGCPercent(percent) }
}
