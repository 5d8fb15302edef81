package main

import (
	"context"
	"embed"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/demo"
	"github.com/restorefs/restorefs/cmd/places"
)

// sample is a small share with two backups that Cinder made.
//
//go:embed all:sample
var sample embed.FS

// The sample's incremental backup, and the file in it that is shown.
const (
	sampleBackup = "a08e2856-cee2-4cf8-b488-4ec18ae02a8c"
	sampleFile   = "hello.txt"
)

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "mount and restore a sample backup that is built in, and say what happens",
		Description: `Needs nothing: it works in a temporary directory and leaves nothing behind. As
root it also mounts the file system that is in the backup.`,
		Action: runDemo,
	}
}

func runDemo(c *cli.Context) error { return runDemonstration(c.Context, commonOf(c)) }

func runDemonstration(ctx context.Context, o common) error {
	if err := o.wantArgs(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	embedded, err := fs.Sub(sample, "sample")
	if err != nil {
		return err
	}
	dir, err := places.Temp("restorefs-demo-")
	if err != nil {
		return err
	}
	err = demo.Demo{
		Out: o.Out, Program: self, Dir: dir, Sample: embedded, Backup: sampleBackup,
		File: sampleFile,
	}.Run(ctx)
	if e := os.RemoveAll(dir); err == nil {
		err = e
	}
	return err
}
