package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/places"
)

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "write JSON to stdout", DisableDefaultText: true}
}

func cacheDirFlag() cli.Flag {
	return &cli.StringFlag{Name: "cache-dir", EnvVars: []string{"RESTOREFS_CACHE_DIR"},
		Value: places.DefaultCache(), DefaultText: "restorefs in $XDG_CACHE_HOME or ~/.cache",
		Usage: "keep indexes, of a GiB at most, and what was seen on shares below this " +
			"`DIRECTORY`; " +
			"losing it loses only time"}
}

// recordFlag belongs to each command that keeps or shows what verify found out.
func recordFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "record", EnvVars: []string{"RESTOREFS_RECORD"},
		Value:       places.DefaultRecord(),
		DefaultText: "/var/lib/restorefs for root, else restorefs in ~/.local/state",
		Usage:       usage}
}

// recordShown is the usage of recordFlag for commands that show it.
const recordShown = "show when backups were last proven, which verify keeps in `DIRECTORY`"

// trustGroupFlag belongs to each command that keeps or reads something in a directory of restorefs.
func trustGroupFlag() cli.Flag {
	return &cli.StringFlag{Name: "trust-group",
		Usage: "use directories of caches and overlays that members of `GROUP` can write to"}
}

func memoryFlag() cli.Flag { return memoryFlagOf("256MiB") }

// memoryFlagOf is memoryFlag with another default.
func memoryFlagOf(size string) cli.Flag {
	return &cli.StringFlag{Name: "memory", Value: size,
		Usage: "`SIZE` of memory to use, 64MiB or more"}
}

func diskCacheFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "disk-cache",
			Usage: "keep decoded blocks in `DIRECTORY` too, for later mounts and other backups " +
				"of the volume"},
		&cli.StringFlag{Name: "disk-cache-size", Value: "10GiB",
			Usage: "`SIZE` of the disk cache at most, 16MiB or more"},
	}
}

func overlayFlag(usage string) cli.Flag { return &cli.StringFlag{Name: "overlay", Usage: usage} }

func progressFlag() cli.Flag {
	return &cli.StringFlag{Name: "progress", Value: "auto",
		Usage: "on stderr: `HOW` is auto, json (a line each second) or none"}
}

func jobsFlag() cli.Flag {
	return &cli.IntFlag{Name: "jobs", Aliases: []string{"j"},
		Usage: "read `N` objects in parallel (0: one for each processor)"}
}

func forceFlag(usage string) cli.Flag {
	return &cli.BoolFlag{Name: "force", Usage: usage, DisableDefaultText: true}
}

func lookFlag(value time.Duration, usage string) cli.Flag {
	return &cli.DurationFlag{Name: "look", Value: value, Usage: usage}
}

// beginningOf returns the first moment of the TIME that a flag has; the zero time if it is not
// given.
func beginningOf(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	span, err := backupstore.ParseTime(text, time.Now())
	if err != nil {
		return time.Time{}, fmt.Errorf("--%s: %w", flag, err)
	}
	return span.From, nil
}

// sizeOf is [cmdline.ParseSize] of a flag that need not be given.
func sizeOf(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	return cmdline.ParseSize(s)
}
