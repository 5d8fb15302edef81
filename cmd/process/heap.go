package process

import (
	"os"
	"runtime/debug"
)

// heapGrowth is by how many percent the heap of KeepSmall may grow before it is collected.
const heapGrowth = 40

// KeepSmall has garbage collected earlier than Go does by itself. It is for commands that keep what
// they found out of a whole share and then only print it: what they throw away would double their
// memory, and to collect it costs little, as they throw away little. GOGC in the environment wins.
func KeepSmall() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
}
