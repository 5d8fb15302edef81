package records

import (
	"bufio"
	"cmp"
	"context"
	"errors"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// Options are what the flags and arguments of records ask for.
type Options struct {
	console.Console
	Source source.Options
	Selection
	Driver     string // as it was named
	Named      bool   // Driver was given; else it is what Cinder's configuration says
	Cloud      string // of clouds.yaml, "" for that of the environment
	Script     bool
	Import     bool // through Cinder's API
	AnyProject bool // import records of other projects' volumes, too
}

// Make prints the records of backups, or imports them. It completes o.Selection.
func Make(ctx context.Context, o Options) (err error) {
	if o.Script && (o.JSON || o.Import) {
		return cmdline.Usagef("--script excludes --json and --import")
	}
	if o.Service, err = o.service(); err != nil {
		return err
	}
	catalog, _, err := source.Open(ctx, o.Source, backupstore.Options{Once: true})
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
	PrintNotes(o.Err, chosen)
	odd, err := Unrestorable(ctx, catalog, chosen, o.Err)
	if err != nil {
		return err
	}
	if len(o.Backups) == 0 {
		defer func() { err = errors.Join(err, source.WholeShare(catalog, len(chosen))) }()
	}
	if !o.Import {
		return o.print(catalog, chosen, odd)
	}
	client, err := cinderapi.Connect(ctx,
		cinderapi.Options{Cloud: o.Cloud, Logger: o.Source.Logger})
	if err != nil {
		return err
	}
	defer client.Close()
	how := cloud.ImportOptions{AnyProject: o.AnyProject}
	return Import(ctx, client, chosen, how, o.JSON, o.Out, o.Err)
}

// print prints the records in the form that was asked for. odd is why Cinder cannot restore some of
// them, by id.
func (o Options) print(catalog *backupstore.Catalog, chosen []backupstore.Importable,
	odd map[string]string) (err error) {
	out := bufio.NewWriter(o.Out)
	switch {
	case o.JSON:
		err = PrintJSON(out, chosen, odd)
	case o.Script:
		err = PrintScript(out, chosen, catalog.String())
	default:
		err = PrintCommands(out, chosen)
	}
	return cmp.Or(err, out.Flush())
}

// service returns the full name of the driver that is to import.
func (o Options) service() (string, error) {
	if o.Named {
		return Driver(o.Driver)
	}
	conf, err := cinderconf.Load(o.Source.Share.Config)
	switch {
	case err == nil:
		return Driver(conf.Driver)
	case o.Source.Share.NeedConfig && !errors.Is(err, cinderconf.ErrNoBackups):
		return "", err // a configuration was asked for and could not be read
	}
	return Driver("nfs")
}
