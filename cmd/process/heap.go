package process

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// heapGrowth is by how many percent the heap of KeepSmall may grow before it is collected, at
	// the least; as is Go's own, at the most.
	heapGrowth = 20
	// smallHeap is what it may grow to in any case, in bytes. Together with the program's own text
	// and what the runtime needs that is less than 48 MiB.
	smallHeap = 19 << 20
)

// KeepSmall has garbage collected earlier than Go does by itself, until the caller calls before,
// which it need not. It is for those who keep what they find out of a whole share: what they throw
// away meanwhile would double their memory. As long as there is little, nothing is different: to
// collect it each time would take more time than to look at the share. GOGC in the environment
// wins.
func KeepSmall() (before func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	k := &keptSmall{before: debug.SetGCPercent(heapGrowth)}
	k.adapt()
	return k.stop
}

// keptSmall adapts the runtime's percentage after each collection, which it notices by the end of
// an object that nobody has.
type keptSmall struct {
	before int

	mu    sync.Mutex
	ended bool
}

// adapt sets the percentage for what is alive now, until stop.
func (k *keptSmall) adapt() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return
	}
	debug.SetGCPercent(growth(live[0].Value.Uint64()))
	type garbage struct{ _ *byte } // with a pointer: small ones without share their memory
	runtime.AddCleanup(new(garbage), (*keptSmall).adapt, k)
}

func (k *keptSmall) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.ended {
		k.ended = true
		debug.SetGCPercent(k.before)
	}
}

// growth returns by how many percent a heap may grow of which so many bytes are alive.
func growth(live uint64) int {
	const roots = 1 << 20 // what the percentage is also of: globals, stacks
	if live >= smallHeap {
		return heapGrowth
	}
	return int(min(max((smallHeap-live)*100/(live+roots), heapGrowth), 100))
}
