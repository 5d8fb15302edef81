package main

import (
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cache/disk"
)

// diskCachePart of --memory is what the table of the disk cache may take.
const diskCachePart = 8

func diskCacheFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "disk-cache", Usage: "keep decoded blocks in `DIRECTORY` too, for later mounts and other backups of the volume"},
		&cli.StringFlag{Name: "disk-cache-size", Value: "10GiB", Usage: "`SIZE` of the disk cache at most, 16MiB or more"},
	}
}

// openDiskCache opens the cache that the flags ask for, nil if none, and says
// how much memory it takes.
func openDiskCache(c *cli.Context) (kept *disk.Cache, memory int64, err error) {
	dir := c.String("disk-cache")
	if dir == "" {
		if c.IsSet("disk-cache-size") {
			return nil, 0, usagef("--disk-cache-size has no meaning without --disk-cache DIRECTORY")
		}
		return nil, 0, nil
	}
	size, err := parseSize(c.String("disk-cache-size"))
	if err != nil {
		return nil, 0, err
	}
	if size < disk.MinBytes {
		return nil, 0, usagef("--disk-cache-size %s is too little, %s is the least", c.String("disk-cache-size"), formatSize(disk.MinBytes))
	}
	total, err := parseSize(c.String("memory"))
	if err != nil {
		return nil, 0, err
	}
	if memory = disk.MemoryBytes(size); memory > total/diskCachePart {
		return nil, 0, usagef("a disk cache of %s takes %s of memory: give --memory %dMiB or more, or --disk-cache-size %s or less",
			formatSize(size), formatSize(memory), (memory*diskCachePart+1<<20-1)>>20, formatSize(size*(total/diskCachePart)/memory>>30<<30))
	}
	if err := directoryOutsideShare(dir, shareDir(c)); err != nil {
		return nil, 0, err
	}
	kept, err = disk.Open(disk.Options{Dir: dir, Bytes: size, Logger: newLogger(c)})
	return kept, memory, err
}

// directoryOutsideShare is outsideShare for a directory that may not be there
// yet.
func directoryOutsideShare(dir, share string) error {
	there, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for {
		real, err := filepath.EvalSymlinks(there)
		if err == nil {
			there = real
			break
		}
		if there == filepath.Dir(there) {
			break
		}
		there = filepath.Dir(there)
	}
	if outsideShare(filepath.Join(there, "x"), share) != nil {
		return usagef("%s is on the share %s, to which nothing is ever written: choose another directory", dir, share)
	}
	return nil
}
