package main

import (
	"log/slog"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// For commands that still read flags where they use them.

func newLogger(c *cli.Context) *slog.Logger { return commonOf(c).log }

func consoleOf(c *cli.Context) console.Console { return commonOf(c).Console }

func memoryShare(c *cli.Context) (int64, error) { return commonOf(c).memory.bound() }

func memoryFor(c *cli.Context) func(int64) int64 { return commonOf(c).memory.enoughFor() }

func shareOptions(c *cli.Context) locate.Options { return commonOf(c).share }

func wantArgs(c *cli.Context, names ...string) error { return commonOf(c).wantArgs(names...) }

func checkProgressFlag(c *cli.Context) error { return commonOf(c).checkProgress() }

func oneBackup(c *cli.Context, catalog *backupstore.Catalog) (*backupstore.Backup, error) {
	return catalog.Find(c.Args().First())
}

func openCatalog(c *cli.Context, memoryBytes int64) (*backupstore.Catalog, error) {
	catalog, _, err := openCatalogOn(c, shareOptions(c), backupstore.Options{DecoderBytes: memoryBytes})
	return catalog, err
}

func openCatalogOn(c *cli.Context, where locate.Options, o backupstore.Options) (*backupstore.Catalog, *locate.Share, error) {
	all := commonOf(c)
	all.share = where
	return all.open(c.Context, o)
}

func cinderConfig(c *cli.Context) (conf cinderconf.Config, counts bool, err error) {
	return commonOf(c).cinderConfig()
}

func connectCloud(c *cli.Context) (*cinderapi.Client, error) {
	return commonOf(c).connect(c.Context, c.String("os-cloud"))
}

func salvaging(c *cli.Context) string { return c.Generic("salvage").(*salvageMode).String() }
