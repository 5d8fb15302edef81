package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/wording"
)

// common is what the flags say that several commands have. A command reads its own flags beside
// them, once, into a struct that embeds this one; nothing behind that knows flags.
type common struct {
	console.Console
	command string     // its name
	args    []string   // its arguments
	given   givenFlags // as they can be repeated in another command
	share   locate.Options
	cache   places.Cache
	memory  memory
	jobs    int
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
	log := console.NewLogger(c.App.ErrWriter, level, c.String("log-format") == "json")
	return common{
		Console: console.Console{Out: c.App.Writer, Err: c.App.ErrWriter, JSON: c.Bool("json"), Yes: c.Bool("yes"), Progress: c.String("progress")},
		command: c.Command.Name,
		args:    c.Args().Slice(),
		given:   givenFlagsOf(c),
		share: locate.Options{
			Share: c.String("share"), Config: c.String("cinder-conf"), NeedConfig: c.IsSet("cinder-conf"),
			MountOptions: c.String("mount-options"), Logger: log,
		},
		cache:  places.Cache{Dir: c.String("cache-dir"), Named: c.IsSet("cache-dir"), Group: c.String("trust-group"), Logger: log},
		memory: memory{text: c.String("memory"), mount: c.Command.Name == "mount"},
		jobs:   c.Int("jobs"),
		log:    log,
	}
}

// check refuses values that no command can use.
func (o common) check(logFormat string) error {
	// maxJobs is far above what is of use with any share or machine.
	const maxJobs = 1024
	switch n := o.jobs; {
	case logFormat != "text" && logFormat != "json":
		return cmdline.Usagef("--log-format is text or json, not %q", logFormat)
	case n < 0:
		return cmdline.Usagef("--jobs must not be less than 0")
	case n > maxJobs:
		return cmdline.Usagef("--jobs %d is too many, %d are the most: each one reads, decodes and holds buffers", n, maxJobs)
	}
	// An empty argument is an unset variable of a script; as a path it would mean the working
	// directory.
	if i := slices.Index(o.args, ""); i >= 0 {
		return cmdline.Usagef("argument %d of %s is empty; see \"restorefs %s --help\"", i+1, o.command, o.command)
	}
	return nil
}

// wantArgs refuses another number of arguments.
func (o common) wantArgs(names ...string) error {
	if len(o.args) == len(names) {
		return nil
	}
	wanted := "no arguments"
	if len(names) > 0 {
		wanted = strings.Join(names, " and ")
	}
	hint := ""
	if o.command == "mount" && len(o.args) == 2 {
		hint = fmt.Sprintf(" (the share is not one of them: restorefs mount --share %s %s)",
			wording.ShellWord(o.args[0]), wording.ShellWord(o.args[1]))
	}
	return cmdline.Usagef("%s takes %s, %s given%s; see \"restorefs %s --help\"",
		o.command, wanted, wording.Count(len(o.args), "argument"), hint, o.command)
}

// arg returns the argument at i, "" if there is none.
func (o common) arg(i int) string {
	if i < len(o.args) {
		return o.args[i]
	}
	return ""
}

// checkProgress refuses another --progress than there is.
func (o common) checkProgress() error {
	switch o.Progress {
	case "auto", "json", "none":
		return nil
	}
	return cmdline.Usagef("--progress %s: it is auto, json or none", o.Progress)
}

// open opens the share and looks at it. The caller closes the catalogue.
func (o common) open(ctx context.Context, store backupstore.Options) (*backupstore.Catalog, *locate.Share, error) {
	s, err := openShare(ctx, o.share)
	if err != nil {
		return nil, nil, err
	}
	store.Logger = o.log
	store.MemoryFor = o.memory.enoughFor()
	store.IndexDir, err = o.cache.Sub(ctx, s, "index", "indexes cannot be kept: the next run decodes again what this one does")
	if err != nil {
		s.Root.Close()
		return nil, nil, err
	}
	if abs, err := filepath.Abs(store.IndexDir); err == nil && store.IndexDir != "" { // a mount in the background changes its directory
		store.IndexDir = abs
	}
	catalog := backupstore.NewCatalog(s.Root, store)
	if err := catalog.Refresh(ctx); err != nil {
		catalog.Close()
		return nil, nil, err
	}
	for _, err := range catalog.Unread() {
		o.log.Warn(err.Error())
	}
	for _, note := range catalog.Notes() {
		o.log.Warn(note)
	}
	return catalog, s, nil
}

// cinderConfig reads other settings from Cinder's configuration. counts says that err matters: a
// configuration was asked for and could not be read.
func (o common) cinderConfig() (conf cinderconf.Config, counts bool, err error) {
	conf, err = cinderconf.Load(o.share.Config)
	counts = err != nil && o.share.NeedConfig && !errors.Is(err, cinderconf.ErrNoBackups)
	return conf, counts, err
}
