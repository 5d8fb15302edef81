package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/doctor"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "examine this machine: could it restore, and what is to be done first?",
		Description: `A line for each check: ok; note, for what only some commands would need, or
what costs time; problem, for what does not work. Below stands what to type next.
Nothing is changed. The exit code is 1 if there is a problem.`,
		Flags: []cli.Flag{
			shareFlag(), jsonFlag(), memoryFlag(), cacheDirFlag(),
			&cli.DurationFlag{Name: "wait", Value: 30 * time.Second,
				Usage: "wait for the share for this `TIME` at most"},
			&cli.BoolFlag{Name: "cloud", DisableDefaultText: true,
				Usage: "also log in to the cloud; without, its credentials are only looked for"},
			cloudFlag(),
		},
		Action: runDoctor,
	}
}

func runDoctor(c *cli.Context) error {
	o := commonOf(c)
	if err := o.wantArgs(); err != nil {
		return err
	}
	return doctor.Run(c.Context, doctor.RunOptions{
		Console: o.Console,
		Options: doctor.Options{
			Machine: doctor.Here(), Version: buildVersion(), Share: o.share,
			ShareFlags: o.given.Only("share", "cinder-conf"), Cache: o.cache,
			Wait: c.Duration("wait"),
		},
		Memory: o.memory, LogIn: c.Bool("cloud"), CloudName: c.String("os-cloud"), Logger: o.log,
	})
}
