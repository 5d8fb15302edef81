package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/restore"
)

func progressFlag() cli.Flag {
	return &cli.StringFlag{Name: "progress", Value: "auto", Usage: "on stderr: `HOW` is auto, json (a line each second) or none"}
}

func stateOf(p restore.Progress) console.State {
	return console.State{
		Stage: p.Stage, Done: p.Done, Total: p.Total, Written: p.Written, Zeroed: p.Zeroed, Skipped: p.Skipped, Healed: p.Healed,
	}
}
