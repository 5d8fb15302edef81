package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/console"
)

func consoleOf(c *cli.Context) console.Console {
	return console.Console{Out: c.App.Writer, Err: c.App.ErrWriter, JSON: c.Bool("json"), Yes: c.Bool("yes"), Progress: c.String("progress")}
}
