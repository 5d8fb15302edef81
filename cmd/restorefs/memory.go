package main

import (
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cache/disk"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/wording"
)

func memoryFlag() cli.Flag {
	return &cli.StringFlag{Name: "memory", Value: "256MiB", Usage: "`SIZE` of memory to use, 64MiB or more"}
}

// memory is what --memory allows.
type memory struct {
	text  string // as it was given; "" for a command without the flag
	mount bool   // it is for a mount
	disk  int64  // of each large user's share, what the disk cache needs
}

// mountBase is what a mount needs in addition, measured under load: its requests in flight, and
// what the garbage collector needs for them, do not shrink with the budget.
const mountBase = 36 << 20

// bound bounds the process to --memory and returns what each of its two large users of memory may
// have: the decoders, and the cache or the buffers. The rest is for digests, requests in flight,
// the catalogue and the runtime.
func (m memory) bound() (int64, error) {
	total, err := cmdline.ParseSize(m.text)
	if err != nil {
		return 0, err
	}
	if total < 64<<20 {
		return 0, cmdline.Usagef("--memory %s is too little, 64MiB is the least", m.text)
	}
	const program = 16 << 20 // resident memory that the runtime does not count
	debug.SetMemoryLimit(total - program)
	share := total * 3 / 8
	if m.mount {
		share = min(share, (total-mountBase)*2/5)
	}
	return share, nil
}

// enoughFor is the inverse of bound, in steps of 16 MiB: about the --memory that gives each large
// user share. It is nil for a command without the flag.
func (m memory) enoughFor() func(share int64) int64 {
	if m.text == "" {
		return nil
	}
	return func(share int64) int64 {
		const step = 16 << 20
		total := (share + m.disk) / 3 * 8
		if m.mount {
			total = max(total, (share+m.disk)/2*5+mountBase)
		}
		return total/step*step + step
	}
}

// diskCachePart is the divisor of --memory that bounds the memory of the disk cache.
const diskCachePart = 6

func diskCacheFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "disk-cache", Usage: "keep decoded blocks in `DIRECTORY` too, for later mounts and other backups of the volume"},
		&cli.StringFlag{Name: "disk-cache-size", Value: "10GiB", Usage: "`SIZE` of the disk cache at most, 16MiB or more"},
	}
}

// withDiskCache returns the memory of a mount that has a disk cache of some size, and that size.
func (m memory) withDiskCache(size string) (memory, int64, error) {
	bytes, err := cmdline.ParseSize(size)
	if err != nil {
		return m, 0, err
	}
	if bytes < disk.MinBytes {
		return m, 0, cmdline.Usagef("--disk-cache-size %s is too little, %s is the least", size, wording.Size(disk.MinBytes))
	}
	total, err := cmdline.ParseSize(m.text)
	if err != nil {
		return m, 0, err
	}
	needs := disk.MemoryBytes(bytes)
	if needs > total/diskCachePart {
		return m, 0, cmdline.Usagef("a disk cache of %s takes %s of memory: give --memory %dMiB or more, or a smaller --disk-cache-size",
			wording.Size(bytes), wording.Size(needs), (needs*diskCachePart+1<<20-1)>>20)
	}
	m.disk = needs / 2 // decoders and cache both give a half
	return m, bytes, nil
}
