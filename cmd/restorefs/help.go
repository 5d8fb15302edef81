package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/manual"
)

// book returns what help and manual pages are made of.
func book() manual.Book {
	return manual.Contents([]manual.Topic{
		{
			Name: "backup", Title: "Backups, volumes and times", About: "what BACKUP can be",
			Brief: "BACKUP is an id, the start of one, a name, VOLUME@latest or VOLUME@TIME.",
			Text:  backupHelp,
		},
		{Name: "time", Title: "Times", About: "what TIME can be", Text: timeHelp},
		{
			Name: "path", Title: "Paths", About: "what PATH can be",
			Brief: "PATH is a path inside the disk, /etc/fstab, or p2:/etc/fstab for the second " +
				"partition.",
			Text: filesHelp,
		},
		{Name: "salvage", Title: "Damaged backups", About: "what to do with damaged backups",
			Text: salvageHelp},
		{Name: "share", Title: "Share", About: "what --share can be", Text: shareHelp},
		{Name: "exit", Title: "Exit status", About: "exit codes", Text: exitHelp},
	})
}

func helpCommand() *cli.Command {
	return &cli.Command{
		Name:      "help",
		Aliases:   []string{"man"},
		Usage:     "say how a command is used, with examples",
		ArgsUsage: "[COMMAND|TOPIC]",
		Hidden:    true, // the help of the program has it elsewhere
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", DisableDefaultText: true,
				Usage: "all of it, though it does not fit on a screen"},
		},
		Action: runHelp,
	}
}

func runHelp(c *cli.Context) error {
	if c.Args().Len() > 1 {
		return cmdline.Usagef("help takes one COMMAND or TOPIC, %d were given", c.Args().Len())
	}
	return book().Write(c.App.Writer, c.App, c.Args().First(), c.Bool("all"))
}

// manCommand writes the manual pages, for "make man".
func manCommand() *cli.Command {
	return &cli.Command{
		Name:      "__man",
		Usage:     "write the manual pages below a directory",
		ArgsUsage: "DIRECTORY",
		Description: "Pages have the date of SOURCE_DATE_EPOCH, in seconds since 1970, or none, " +
			"so that the\nsame source makes the same pages.",
		Hidden: true,
		Action: runMan,
	}
}

func runMan(c *cli.Context) error {
	if err := cmdline.WantArgs("__man", c.Args().Slice(), "", "DIRECTORY"); err != nil {
		return err
	}
	return book().WriteSheets(c.Args().First(), c.App)
}
