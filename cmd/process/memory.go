package process

import (
	"runtime"
	"runtime/debug"

	"github.com/restorefs/restorefs/cache/disk"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Memory is what --memory allows.
type Memory struct {
	Text  string // as it was given; "" for a command without the flag
	Mount bool   // it is for a mount
	Disk  int64  // of each large user's share, what the disk cache needs
}

// mountBase is what a mount needs in addition, measured under load: its requests in flight, and
// what the garbage collector needs for them, do not shrink with the budget.
const mountBase = 36 << 20

// Bound bounds the process to --memory and returns what each of its two large users of memory may
// have: the decoders, and the cache or the buffers. The rest is for digests, requests in flight,
// the catalogue and the runtime.
func (m Memory) Bound() (int64, error) {
	total, err := cmdline.ParseSize(m.Text)
	if err != nil {
		return 0, err
	}
	if total < 64<<20 {
		return 0, cmdline.Usagef("--memory %s is too little, 64MiB is the least", m.Text)
	}
	const program = 16 << 20 // resident memory that the runtime does not count
	debug.SetMemoryLimit(total - program)
	share := total * 3 / 8
	if m.Mount {
		share = min(share, (total-mountBase)*2/5)
	}
	return share, nil
}

// EnoughFor is the inverse of Bound, in steps of 16 MiB: about the --memory that gives each large
// user share. It is nil for a command without the flag.
func (m Memory) EnoughFor() func(share int64) int64 {
	if m.Text == "" {
		return nil
	}
	return func(share int64) int64 {
		const step = 16 << 20
		total := (share + m.Disk) / 3 * 8
		if m.Mount {
			total = max(total, (share+m.Disk)/2*5+mountBase)
		}
		return total/step*step + step
	}
}

// diskCachePart is the divisor of --memory that bounds the memory of the disk cache.
const diskCachePart = 6

// WithDiskCache returns the memory of a mount that has a disk cache of some size, and that size.
func (m Memory) WithDiskCache(size string) (Memory, int64, error) {
	bytes, err := cmdline.ParseSize(size)
	if err != nil {
		return m, 0, err
	}
	if bytes < disk.MinBytes {
		return m, 0, cmdline.Usagef("--disk-cache-size %s is too little, %s is the least", size,
			wording.Size(disk.MinBytes))
	}
	total, err := cmdline.ParseSize(m.Text)
	if err != nil {
		return m, 0, err
	}
	needs := disk.MemoryBytes(bytes)
	if needs > total/diskCachePart {
		return m, 0, cmdline.Usagef("a disk cache of %s takes %s of memory: give --memory %dMiB "+
			"or more, or a smaller --disk-cache-size",
			wording.Size(bytes), wording.Size(needs), (needs*diskCachePart+1<<20-1)>>20)
	}
	m.Disk = needs / 2 // decoders and cache both give a half
	return m, bytes, nil
}

// Total returns the memory in bytes.
func (m Memory) Total() (int64, error) { return cmdline.ParseSize(m.Text) }

// SpareThread adds a thread that answers the kernel. It is for commands with as many busy decoders
// and workers of read-ahead as processors: without it the kernel waits until one of these is
// interrupted, and a dd on two processors takes a tenth longer.
func SpareThread() { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) }
