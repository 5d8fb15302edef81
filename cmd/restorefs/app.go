package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
)

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
			materializeCommand(), liveCommand(), verifyCommand(), diffCommand(), mapCommand(),
			lsCommand(), findCommand(), catCommand(), cpCommand(), tarCommand(),
			indexCommand(), reportCommand(), recordsCommand(),
			overlayCommand(), doctorCommand(), demoCommand(),
			completionCommand(), helpCommand(), manCommand(),
		},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			return cmdline.WrongUsage(err)
		},
		// The library would end the process itself.
		ExitErrHandler: func(*cli.Context, error) {},
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
			&cli.StringFlag{Name: "log-format", DefaultText: "sentences, text in a --log-file",
				Usage: "log as `FORMAT`: text (key=value, with times) or json"})
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
