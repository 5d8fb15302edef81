package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/records"
)

func recordsCommand() *cli.Command {
	return &cli.Command{
		Name:      "records",
		Usage:     "make records of the backups for a Cinder that has lost its database",
		ArgsUsage: "[BACKUP...]",
		Description: backupHelp + `

Prints for each backup, parents before children, the command that gives Cinder its
record back; a BACKUP with its chain, or all complete ones of the share. --script
writes a shell script that imports them one by one, leaves alone what is there, and
can be run again; --import does that itself, through Cinder's API.

Cinder gives an imported backup to the project and the user of the caller, who must
be an admin (of that project: log in there, with --project for its backups only), and
counts it against the project's quota. The share that Cinder has as backup_share must
be --share, not a directory above or below it.`,
		Flags: []cli.Flag{
			shareFlag(), jsonFlag(), cacheDirFlag(),
			&cli.BoolFlag{Name: "script",
				Usage:              "write a shell script to stdout that imports the records",
				DisableDefaultText: true},
			&cli.BoolFlag{Name: "import",
				Usage: "import them through Cinder's API, and tell what " +
					"became of each",
				DisableDefaultText: true},
			cloudFlag(),
			&cli.StringFlag{Name: "backup-service",
				Usage: "Cinder's backup_driver there: `DRIVER` is nfs, posix, s3, swift, gcs, or " +
					"its whole name (default: as in --cinder-conf, else nfs)"},
			&cli.StringFlag{Name: "bucket",
				Usage: "the bucket or container of object stores has this `NAME` there (default: " +
					"that of the directory with volume_ID, as in a copy)"},
			&cli.StringFlag{Name: "project",
				Usage: "only backups of volumes of the project with this `ID`"},
			&cli.BoolFlag{Name: "any-project",
				Usage:              "import backups of other projects into this one too",
				DisableDefaultText: true},
		},
		Action: runRecords,
	}
}

func runRecords(c *cli.Context) error {
	o := commonOf(c)
	process.KeepSmall()
	return records.Make(c.Context, records.Options{
		Console: o.Console,
		Source:  o.source(),
		Selection: records.Selection{Backups: o.args, Project: c.String("project"),
			Bucket: c.String("bucket")},
		Driver:     c.String("backup-service"),
		Named:      c.IsSet("backup-service"),
		Cloud:      c.String("os-cloud"),
		Script:     c.Bool("script"),
		Import:     c.Bool("import"),
		AnyProject: c.Bool("any-project"),
	})
}
