package main

import (
	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/places"
)

// trustGroupFlag belongs to each command that keeps or reads something in a directory of restorefs.
func trustGroupFlag() cli.Flag {
	return &cli.StringFlag{Name: "trust-group", Usage: "use directories of caches and overlays that members of `GROUP` can write to"}
}

// cacheSubDir makes a directory below --cache-dir, see [places.Cache.Sub].
func cacheSubDir(c *cli.Context, s *locate.Share, name, without string) (string, error) {
	cache := places.Cache{Dir: c.String("cache-dir"), Named: c.IsSet("cache-dir"), Group: c.String("trust-group"), Logger: newLogger(c)}
	return cache.Sub(c.Context, s, name, without)
}
