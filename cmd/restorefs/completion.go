package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/completion"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print what has a shell complete commands, flags and the names of backups",
		ArgsUsage: "bash|zsh|fish",
		Description: "Names of backups and volumes are those that a command has last seen on the " +
			"share of\n--share, RESTOREFS_SHARE or Cinder's configuration, by the same user. The " +
			"share itself\nis not asked. Names that cannot be typed are left out.",
		Action: runCompletion,
	}
}

func runCompletion(c *cli.Context) error {
	err := cmdline.WantArgs("completion", c.Args().Slice(), "", "the name of a shell")
	if err != nil {
		return err
	}
	script, ok := completion.Script(c.Args().First())
	if !ok {
		return cmdline.Usagef("completion %s: it is bash, zsh or fish", c.Args().First())
	}
	_, err = c.App.Writer.Write(script)
	return err
}

// complete answers the script of a shell and returns an exit code.
func complete(app *cli.App, args []string) int {
	c := completion.Completer{App: app, Topics: []string{"flags"}}
	for _, topic := range book().Topics {
		c.Topics = append(c.Topics, topic.Name)
	}
	if err := c.Answer(os.Stdout, args); err != nil {
		return exitcode.Failed // nobody is there to read why
	}
	return exitcode.Done
}
