package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/inspect"
	"github.com/restorefs/restorefs/cmd/wording"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "prove that backups can be restored bit for bit, or compare a device with one",
		ArgsUsage: "[BACKUP...]",
		Description: backupHelp + `

Without BACKUP all backups are verified, or those that --volume, --project and
--since choose. Every object of a backup and of its parents is read and decoded,
once however many backups share it, and compared with the digests that Cinder took
when it made the backup. Nothing is healed: what is damaged is listed, with the
backup that has the same bytes, if any has.

--target reads only the device or file and compares it with the digests of one
BACKUP. It may be in use; it is not written. Ranges that differ: exit status 1.`,
		Flags: []cli.Flag{
			shareFlag(), jsonFlag(), memoryFlag(), cacheDirFlag(),
			jobsFlag(),
			&cli.StringFlag{Name: "sample",
				Usage: "prove only this `PART` of the blocks with data, chosen at " +
					"random, such as 5%"},
			&cli.StringFlag{Name: "volume",
				Usage: "only backups of the `VOLUME` with this id, the start of it, or this name"},
			&cli.StringFlag{Name: "project",
				Usage: "only backups of volumes of the project with this `ID`"},
			&cli.StringFlag{Name: "since",
				Usage: "only backups made at this `TIME` (\"help time\") or later"},
			progressFlag(),
			recordFlag("keep what is found out in `DIRECTORY`, for list, map and report"),
			&cli.StringFlag{Name: "target", Usage: "compare this `DEVICE` or file with BACKUP"},
		},
		Action: runVerify,
	}
}

func runVerify(c *cli.Context) error {
	o, target := commonOf(c), c.String("target")
	if err := o.CheckProgress(); err != nil {
		return err
	}
	part, err := cmdline.ParsePart(c.String("sample"))
	if err != nil {
		return err
	}
	switch {
	case target != "" && c.IsSet("sample"):
		return cmdline.Usagef("--sample does not go with --target")
	case target != "" && len(o.args) != 1:
		return cmdline.Usagef("verify --target takes one BACKUP, %s given",
			wording.Count(len(o.args), "argument"))
	}
	chosen := o.given.Only("volume", "project", "since")
	if len(chosen) > 0 && len(o.args) > 0 {
		return cmdline.Usagef("%s chooses among all backups: it does not go with BACKUP", chosen[0])
	}
	how := inspect.VerifyOptions{
		Console: o.Console, Source: o.source(), Given: o.given, Memory: o.memory,
		Backups: o.args, Volume: c.String("volume"), Chosen: len(chosen) > 0,
		Jobs: c.Int("jobs"), Part: part, Target: target, Record: o.record,
	}
	how.Project = c.String("project")
	if err := (listWords{since: c.String("since")}).parseFilter(&how.Filter); err != nil {
		return cmdline.WrongUsage(err)
	}
	return inspect.Verify(c.Context, how)
}
