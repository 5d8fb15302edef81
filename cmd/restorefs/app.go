package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/wording"
)

const backupHelp = `BACKUP is a backup id, a unique prefix of one (4 or more characters),
VOLUME_ID@latest, or VOLUME_ID@TIME (newest complete backup at or before TIME:
2026-01-05 for the end of that day, "2026-01-05 11:30", 2026-01-05T11:30:00+0100).`

const exitHelp = `EXIT STATUS: 0 done, 1 failed, 2 wrong usage, 3 backup damaged or incomplete,
4 target refused and nothing written, 5 data restored and verified but its
metadata not written.`

func newApp() *cli.App {
	app := &cli.App{
		Name:  "restorefs",
		Usage: "mount and restore OpenStack Cinder backups straight from their NFS share",
		Description: "No Cinder is needed: restorefs reads the backups' files, checks every byte\n" +
			"against their digests, and writes nothing to the share.\n\n" + exitHelp,
		Version:                buildVersion(),
		UseShortOptionHandling: true,
		HideHelpCommand:        true,
		Commands: []*cli.Command{
			listCommand(), showCommand(), mountCommand(), unmountCommand(), statusCommand(), materializeCommand(), verifyCommand(), diffCommand(),
			indexCommand(), recordsCommand(), overlayCommand(), demoCommand(),
		},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error { return cmdline.WrongUsage(err) },
		// The library would end the process itself.
		ExitErrHandler: func(*cli.Context, error) {},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return cmdline.Usagef("no command %q; \"restorefs --help\" lists them", c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
	}
	for _, cmd := range app.Commands {
		cmd.OnUsageError = app.OnUsageError
		if hasFlag(cmd, "share") {
			cmd.Flags = append(cmd.Flags, shareFlags()...)
			cmd.Description = strings.TrimSpace(cmd.Description + "\n\n" + shareHelp)
		}
		if hasFlag(cmd, "cache-dir") || hasFlag(cmd, "overlay") || cmd.Name == "overlay" {
			cmd.Flags = append(cmd.Flags, trustGroupFlag())
		}
		cmd.Flags = append(cmd.Flags, &cli.BoolFlag{Name: "verbose", Usage: "log what happens to stderr", DisableDefaultText: true},
			&cli.BoolFlag{Name: "debug", Usage: "log every detail to stderr", DisableDefaultText: true},
			&cli.StringFlag{Name: "log-format", Value: "text", Usage: "log as `FORMAT`: text or json"})
		cmd.Before = func(c *cli.Context) error { return cmp.Or(checkLogFormat(c), checkJobs(c), noEmptyArgs(c)) }
		if !strings.Contains(cmd.Description, "EXIT STATUS") {
			cmd.Description = strings.TrimSpace(cmd.Description + "\n\n" + exitHelp)
		}
	}
	return app
}

func hasFlag(cmd *cli.Command, name string) bool {
	return slices.ContainsFunc(cmd.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}

// version is set by the linker, see Makefile; "" in a build without it.
var version string

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "write JSON to stdout", DisableDefaultText: true}
}

func memoryFlag() cli.Flag {
	return &cli.StringFlag{Name: "memory", Value: "256MiB", Usage: "`SIZE` of memory to use, 64MiB or more"}
}

// memoryShare bounds the process to --memory and returns what each of its two large users of memory
// may have: the decoders, and the cache or the buffers. The rest is for digests, requests in
// flight, the catalogue and the runtime.
func memoryShare(c *cli.Context) (int64, error) {
	total, err := cmdline.ParseSize(c.String("memory"))
	if err != nil {
		return 0, err
	}
	if total < 64<<20 {
		return 0, cmdline.Usagef("--memory %s is too little, 64MiB is the least", c.String("memory"))
	}
	const program = 16 << 20 // resident memory that the runtime does not count
	debug.SetMemoryLimit(total - program)
	return shareOf(c, total), nil
}

// mountBase is what a mount needs in addition, measured under load: its requests in flight, and
// what the garbage collector needs for them, do not shrink with the budget.
const mountBase = 36 << 20

// shareOf returns what each of the two large users has of total.
func shareOf(c *cli.Context, total int64) int64 {
	share := total * 3 / 8
	if c.Command.Name == "mount" {
		share = min(share, (total-mountBase)*2/5)
	}
	return share
}

// memoryFor is the inverse of shareOf, in steps of 16 MiB: about the --memory that gives each large
// user share.
func memoryFor(c *cli.Context) func(share int64) int64 {
	if c.String("memory") == "" { // the command has no such flag
		return nil
	}
	return func(share int64) int64 {
		const step = 16 << 20
		kept := int64(0)
		if c.Command.Name == "mount" {
			if _, memory, err := diskCacheSize(c); err == nil {
				kept = memory / 2
			}
		}
		total := (share + kept) / 3 * 8
		if c.Command.Name == "mount" {
			total = max(total, (share+kept)/2*5+mountBase)
		}
		return total/step*step + step
	}
}

func cacheDirFlag() cli.Flag {
	return &cli.StringFlag{Name: "cache-dir", EnvVars: []string{"RESTOREFS_CACHE_DIR"}, Value: places.DefaultCache(),
		Usage: "keep indexes below this `DIRECTORY`, of a GiB at most; losing it loses only time"}
}

func newLogger(c *cli.Context) *slog.Logger {
	level := slog.LevelWarn
	switch {
	case c.Bool("debug"):
		level = slog.LevelDebug
	case c.Bool("verbose"):
		level = slog.LevelInfo
	}
	return console.NewLogger(c.App.ErrWriter, level, c.String("log-format") == "json")
}

func checkLogFormat(c *cli.Context) error {
	if f := c.String("log-format"); f != "" && f != "text" && f != "json" {
		return cmdline.Usagef("--log-format is text or json, not %q", f)
	}
	return nil
}

// maxJobs is far above what is of use with any share or machine.
const maxJobs = 1024

func checkJobs(c *cli.Context) error {
	switch n := c.Int("jobs"); {
	case n < 0:
		return cmdline.Usagef("--jobs must not be less than 0")
	case n > maxJobs:
		return cmdline.Usagef("--jobs %d is too many, %d are the most: each one reads, decodes and holds buffers", n, maxJobs)
	}
	return nil
}

// openCatalog opens the share and looks at it.
func openCatalog(c *cli.Context, memoryBytes int64) (*backupstore.Catalog, error) {
	catalog, _, err := openCatalogOn(c, shareOptions(c), backupstore.Options{DecoderBytes: memoryBytes})
	return catalog, err
}

// openCatalogOn is openCatalog with options of the caller. It also returns the share.
func openCatalogOn(c *cli.Context, where locate.Options, o backupstore.Options) (*backupstore.Catalog, *locate.Share, error) {
	log := newLogger(c)
	s, err := openShare(c.Context, where)
	if err != nil {
		return nil, nil, err
	}
	o.Logger = log
	o.MemoryFor = memoryFor(c)
	if o.IndexDir, err = cacheSubDir(c, s, "index", "indexes cannot be kept: the next run decodes again what this one does"); err != nil {
		s.Root.Close()
		return nil, nil, err
	}
	if abs, err := filepath.Abs(o.IndexDir); err == nil && o.IndexDir != "" { // a mount in the background changes its directory
		o.IndexDir = abs
	}
	catalog := backupstore.NewCatalog(s.Root, o)
	if err := catalog.Refresh(c.Context); err != nil {
		catalog.Close()
		return nil, nil, err
	}
	for _, err := range catalog.Unread() {
		log.Warn(err.Error())
	}
	for _, note := range catalog.Notes() {
		log.Warn(note)
	}
	return catalog, s, nil
}

// wholeShare is the error of a command that had to look at the whole share and could not, or found
// no backups: an empty share must not look like success.
func wholeShare(catalog *backupstore.Catalog, found int) error {
	if err := lookedAtAll(catalog); err != nil {
		return err
	}
	if found == 0 {
		return errNone(catalog)
	}
	return nil
}

// errNone is the error for a share without backups. An unmounted share looks like that.
func errNone(catalog *backupstore.Catalog) error {
	return fmt.Errorf("no backups on %s: is the share mounted, and is this its directory?", catalog)
}

// lookedAtAll fails if a part of the share could not be read, which has been logged.
func lookedAtAll(catalog *backupstore.Catalog) error {
	if len(catalog.Unread()) > 0 {
		return errors.New("not all of the share could be looked at, see above: there may be more backups on it")
	}
	return nil
}

// oneBackup finds the backup that the first argument names.
func oneBackup(c *cli.Context, catalog *backupstore.Catalog) (*backupstore.Backup, error) {
	return catalog.Find(c.Args().First())
}

func wantArgs(c *cli.Context, names ...string) error {
	if c.NArg() != len(names) {
		wanted := "no arguments"
		if len(names) > 0 {
			wanted = strings.Join(names, " and ")
		}
		hint := ""
		if c.Command.Name == "mount" && c.NArg() == 2 {
			hint = fmt.Sprintf(" (the share is not one of them: restorefs mount --share %s %s)", wording.ShellWord(c.Args().Get(0)), wording.ShellWord(c.Args().Get(1)))
		}
		return cmdline.Usagef("%s takes %s, %s given%s; see \"restorefs %s --help\"", c.Command.Name, wanted, wording.Count(c.NArg(), "argument"), hint, c.Command.Name)
	}
	return nil
}

// noEmptyArgs refuses an empty argument, such as an unset variable of a script: as a path it would
// mean the working directory.
func noEmptyArgs(c *cli.Context) error {
	if i := slices.Index(c.Args().Slice(), ""); i >= 0 {
		return cmdline.Usagef("argument %d of %s is empty; see \"restorefs %s --help\"", i+1, c.Command.Name, c.Command.Name)
	}
	return nil
}
