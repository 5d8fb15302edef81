package main

import (
	"github.com/urfave/cli/v2"
)

func memoryFlag() cli.Flag {
	return &cli.StringFlag{Name: "memory", Value: "256MiB", Usage: "`SIZE` of memory to use, 64MiB or more"}
}

func diskCacheFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "disk-cache", Usage: "keep decoded blocks in `DIRECTORY` too, for later mounts and other backups of the volume"},
		&cli.StringFlag{Name: "disk-cache-size", Value: "10GiB", Usage: "`SIZE` of the disk cache at most, 16MiB or more"},
	}
}
