package main

import (
	"log/slog"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/source"
)

// common is what the flags say that several commands have. A command reads its own flags beside
// them, once, into a struct that embeds this one; nothing behind that knows flags.
type common struct {
	console.Console
	command string        // its name
	args    []string      // its arguments
	given   cmdline.Given // as they can be repeated in another command
	share   locate.Options
	cache   places.Cache
	record  places.Record
	memory  process.Memory
	jobs    int
	waits   bool // --share-timeout is given
	log     *slog.Logger
}

// commonOf reads the flags that several commands have. A flag that the command does not have has
// its zero value.
func commonOf(c *cli.Context) common {
	level := slog.LevelWarn
	switch {
	case c.Bool("debug"):
		level = slog.LevelDebug
	case c.Bool("verbose"):
		level = slog.LevelInfo
	}
	format := c.String("log-format")
	if format == "" && c.IsSet("log-file") { // which has no other times
		format = console.LogText
	}
	log := console.NewLogger(c.App.ErrWriter, level, format)
	// Whoever needs it as a number says what is wrong with it.
	memory, _ := sizeOf(c.String("memory"))
	shares := append(slices.Clone(sharesOf(c.Generic("share"))), "")
	return common{
		Console: console.Console{
			Out: c.App.Writer, Err: c.App.ErrWriter,
			JSON: c.Bool("json"), Yes: c.Bool("yes"), Progress: c.String("progress"),
		},
		command: calledAs(c),
		args:    c.Args().Slice(),
		given:   givenFlagsOf(c),
		share: locate.Options{
			Share: shares[0], More: shares[1:max(1, len(shares)-1)],
			Config:       c.String("cinder-conf"),
			NeedConfig:   c.IsSet("cinder-conf"),
			MountOptions: c.String("mount-options"), Logger: log,
			Policy:      share.Policy{Timeout: c.Duration("share-timeout")},
			MemoryBytes: memory,
		},
		cache: places.Cache{
			Dir: c.String("cache-dir"), Named: c.IsSet("cache-dir"),
			Group: c.String("trust-group"), Logger: log,
		},
		record: places.Record{
			Dir: c.String("record"), Named: c.IsSet("record"), Group: c.String("trust-group"),
			Logger: log,
		},
		memory: process.Memory{Text: c.String("memory"), Mount: c.Command.Name == "mount"},
		jobs:   c.Int("jobs"),
		waits:  c.IsSet("share-timeout"),
		log:    log,
	}
}

// calledAs returns the name by which the command was called: its own, or another one that it has.
func calledAs(c *cli.Context) string {
	for _, above := range c.Lineage()[1:] {
		if word := above.Args().First(); above.Command != c.Command && c.Command.HasName(word) {
			return word
		}
	}
	return c.Command.Name
}

// check refuses values that no command can use.
func (o common) check(logFormat string) error {
	// maxJobs is far above what is of use with any share or machine.
	const maxJobs = 1024
	switch n := o.jobs; {
	case logFormat != console.Sentences && logFormat != console.LogText &&
		logFormat != console.LogJSON:
		return cmdline.Usagef("--log-format is text or json, not %q", logFormat)
	case o.waits && o.share.Policy.Timeout < time.Second:
		return cmdline.Usagef("--share-timeout must be a second or more, not %v",
			o.share.Policy.Timeout)
	case n < 0:
		return cmdline.Usagef("--jobs must not be less than 0")
	case n > maxJobs:
		return cmdline.Usagef("--jobs %d is too many, %d are the most: each one reads, decodes "+
			"and holds buffers", n, maxJobs)
	}
	// An empty argument is an unset variable of a script; as a path it would mean the working
	// directory.
	if i := slices.Index(o.args, ""); i >= 0 {
		return cmdline.Usagef("argument %d of %s is empty; see \"restorefs %s --help\"",
			i+1, o.command, o.command)
	}
	return nil
}

// wantArgs refuses another number of arguments.
func (o common) wantArgs(names ...string) error {
	return cmdline.WantArgs(o.command, o.args, "", names...)
}

// arg returns the argument at i, "" if there is none.
func (o common) arg(i int) string {
	if i < len(o.args) {
		return o.args[i]
	}
	return ""
}

func (o common) source() source.Options {
	return source.Options{
		Share: o.share, Cache: o.cache, MemoryFor: o.memory.EnoughFor(), Logger: o.log,
		Indexes: o.memory.Text != "", // which the commands have that decode much
	}
}
