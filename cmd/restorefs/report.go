package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/inspect"
	"github.com/restorefs/restorefs/cmd/places"
)

func reportCommand() *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "make a page about all backups: chains, sizes, when they were proven, damage",
		ArgsUsage: "[SHARE]",
		Description: `The page is one file of HTML, without scripts, that needs nothing
from elsewhere. No object is read for it: what was proven and what is damaged is what
verify has kept.`,
		Flags: []cli.Flag{
			shareFlag(), cacheDirFlag(),
			&cli.StringFlag{Name: "out", Value: "-", DefaultText: "stdout",
				Usage: "write the page to this `FILE`"},
			forceFlag("replace the FILE if it is there"),
			recordFlag(recordShown),
		},
		Action: runReport,
	}
}

func runReport(c *cli.Context) error {
	o, out := commonOf(c), c.String("out")
	if len(o.args) > 0 {
		if err := o.wantArgs("SHARE"); err != nil {
			return err
		}
		if len(o.share.More) > 0 || c.IsSet("share") && o.share.Share != o.args[0] {
			return cmdline.Usagef("%s and --share %s are two shares: say one", o.args[0],
				o.share.Share)
		}
		o.share.Share = o.args[0]
	}
	if out == "-" && console.OutIsTerminal() {
		return cmdline.Usagef("a page of HTML is not for a terminal: restorefs report " +
			"> FILE.html, or --out FILE.html")
	}
	return inspect.Page(c.Context, inspect.PageOptions{
		Source: o.source(), Record: o.record, Version: buildVersion(),
		File: places.Result{Path: out, Out: o.Out, Flag: "out", Force: c.Bool("force")},
	})
}
