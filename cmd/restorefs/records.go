package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/records"
	"github.com/restorefs/restorefs/cmd/source"
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
				Usage: "Cinder's backup_driver there: `DRIVER` is nfs, posix, or its whole name " +
					"(default: as in --cinder-conf, else nfs)"},
			&cli.StringFlag{Name: "project",
				Usage: "only backups of volumes of the project with this `ID`"},
			&cli.BoolFlag{Name: "any-project",
				Usage:              "import backups of other projects into this one too",
				DisableDefaultText: true},
		},
		Action: runRecords,
	}
}

// recordsOptions are what the flags of records ask for.
type recordsOptions struct {
	common
	records.Selection
	driver     string // as it was named
	cloud      string // of clouds.yaml
	script     bool
	imports    bool // through Cinder's API
	anyProject bool
}

func runRecords(c *cli.Context) error {
	o := recordsOptions{
		common:     commonOf(c),
		driver:     c.String("backup-service"),
		cloud:      c.String("os-cloud"),
		script:     c.Bool("script"),
		imports:    c.Bool("import"),
		anyProject: c.Bool("any-project"),
	}
	o.Selection = records.Selection{Backups: o.args, Project: c.String("project")}
	return makeRecords(c.Context, o)
}

func makeRecords(ctx context.Context, o recordsOptions) (err error) {
	if o.script && (o.JSON || o.imports) {
		return cmdline.Usagef("--script excludes --json and --import")
	}
	if o.Service, err = o.backupService(); err != nil {
		return err
	}
	catalog, _, err := o.open(ctx, backupstore.Options{})
	if err != nil {
		return err
	}
	defer catalog.Close()
	if len(catalog.Backups()) == 0 && len(o.Backups) == 0 {
		return source.WholeShare(catalog, 0)
	}
	chosen, err := o.Choose(catalog, o.Err)
	if err != nil {
		return err
	}
	records.PrintNotes(o.Err, chosen)
	odd, err := records.Unrestorable(ctx, catalog, chosen, o.Err)
	if err != nil {
		return err
	}
	if len(o.Backups) == 0 {
		defer func() { err = errors.Join(err, source.WholeShare(catalog, len(chosen))) }()
	}
	if !o.imports {
		return o.print(catalog, chosen, odd)
	}
	client, err := o.connect(ctx, o.cloud)
	if err != nil {
		return err
	}
	defer client.Close()
	how := cloud.ImportOptions{AnyProject: o.anyProject}
	return records.Import(ctx, client, chosen, how, o.JSON, o.Out, o.Err)
}

// print prints the records in the form that was asked for. odd is why Cinder cannot restore some of
// them, by id.
func (o recordsOptions) print(catalog *backupstore.Catalog, chosen []backupstore.Importable,
	odd map[string]string) (err error) {
	out := bufio.NewWriter(o.Out)
	switch {
	case o.JSON:
		err = records.PrintJSON(out, chosen, odd)
	case o.script:
		err = records.PrintScript(out, chosen, catalog.String())
	default:
		err = records.PrintCommands(out, chosen)
	}
	return cmp.Or(err, out.Flush())
}

// backupService returns the full name of the driver that is to import.
func (o recordsOptions) backupService() (string, error) {
	driver := o.driver
	if !o.given.Has("backup-service") {
		driver = "nfs"
		conf, counts, err := o.cinderConfig()
		if counts {
			return "", err
		}
		if err == nil {
			driver = conf.Driver
		}
	}
	return records.Driver(driver)
}
