package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cache/disk"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/wording"
)

// diskCachePart is the divisor of --memory that bounds the memory of the disk cache.
const diskCachePart = 6

func diskCacheFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "disk-cache", Usage: "keep decoded blocks in `DIRECTORY` too, for later mounts and other backups of the volume"},
		&cli.StringFlag{Name: "disk-cache-size", Value: "10GiB", Usage: "`SIZE` of the disk cache at most, 16MiB or more"},
	}
}

// diskCacheSize returns how large a disk cache the flags ask for, 0 for none, and how much memory
// it needs.
func diskCacheSize(c *cli.Context) (size, memory int64, err error) {
	if c.String("disk-cache") == "" {
		if c.IsSet("disk-cache-size") {
			return 0, 0, cmdline.Usagef("--disk-cache-size has no meaning without --disk-cache DIRECTORY")
		}
		return 0, 0, nil
	}
	if size, err = cmdline.ParseSize(c.String("disk-cache-size")); err != nil {
		return 0, 0, err
	}
	if size < disk.MinBytes {
		return 0, 0, cmdline.Usagef("--disk-cache-size %s is too little, %s is the least", c.String("disk-cache-size"), wording.Size(disk.MinBytes))
	}
	total, err := cmdline.ParseSize(c.String("memory"))
	if err != nil {
		return 0, 0, err
	}
	if memory = disk.MemoryBytes(size); memory > total/diskCachePart {
		return 0, 0, cmdline.Usagef("a disk cache of %s takes %s of memory: give --memory %dMiB or more, or a smaller --disk-cache-size",
			wording.Size(size), wording.Size(memory), (memory*diskCachePart+1<<20-1)>>20)
	}
	return size, memory, nil
}
