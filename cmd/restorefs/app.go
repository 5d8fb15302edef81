package main

import (
	"runtime/debug"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
)

const backupHelp = `BACKUP is a backup's id, the start of one (4 or more characters), its name, or
VOLUME@latest or VOLUME@TIME (newest complete backup at or before TIME), where VOLUME
is the volume's id, the start of it, or its name. TIME is 2026-01-05 (its end),
"2026-01-05 11:30", 2026-01-05T11:30:00+0100, "yesterday 18:00", 2h (ago), or what
date prints. id=... and name=... say what is meant where something is both.`

const exitHelp = `EXIT STATUS: 0 done, 1 failed, 2 wrong usage, 3 backup damaged or incomplete,
4 target refused and nothing written, 5 data restored and verified but its
metadata not written.`

func newApp() *cli.App {
	app := &cli.App{
		Name:  "restorefs",
		Usage: "mount and restore OpenStack Cinder backups straight from their NFS share",
		Description: "No Cinder is needed: restorefs reads the backups' files, " +
			"checks every byte\n" +
			"against their digests, and writes nothing to the share.\n\n" + exitHelp,
		Version:                buildVersion(),
		UseShortOptionHandling: true,
		HideHelpCommand:        true,
		Commands: []*cli.Command{
			listCommand(), showCommand(), mountCommand(), unmountCommand(), statusCommand(),
			materializeCommand(), verifyCommand(), diffCommand(),
			lsCommand(), findFilesCommand(), catCommand(), cpCommand(), tarCommand(),
			indexCommand(), recordsCommand(), overlayCommand(), demoCommand(),
		},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			return cmdline.WrongUsage(err)
		},
		// The library would end the process itself.
		ExitErrHandler: func(*cli.Context, error) {},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return cmdline.Usagef("no command %q; \"restorefs --help\" lists them",
					c.Args().First())
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
		cmd.Flags = append(cmd.Flags,
			&cli.BoolFlag{Name: "verbose", DisableDefaultText: true,
				Usage: "log what happens to stderr"},
			&cli.BoolFlag{Name: "debug", Usage: "log every detail to stderr",
				DisableDefaultText: true},
			&cli.StringFlag{Name: "log-format", Value: "text",
				Usage: "log as `FORMAT`: text or json"})
		cmd.Before = func(c *cli.Context) error { return commonOf(c).check(c.String("log-format")) }
		if !strings.Contains(cmd.Description, "EXIT STATUS") {
			cmd.Description = strings.TrimSpace(cmd.Description + "\n\n" + exitHelp)
		}
	}
	return app
}

func hasFlag(cmd *cli.Command, name string) bool {
	return slices.ContainsFunc(cmd.Flags, func(f cli.Flag) bool {
		return slices.Contains(f.Names(), name)
	})
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
