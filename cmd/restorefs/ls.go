package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/filereport"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/wording"
)

func lsCommand() *cli.Command {
	return &cli.Command{
		Name:      "ls",
		Usage:     "list files inside a backup's disk",
		ArgsUsage: lsUsage,
		Description: backupHelp + "\n" + filesHelp + `

Without a PATH it lists the root of the one file system, or the parts of the disk if
files could be in several. Times are UTC; owners are the numbers that the disk has.`,
		Flags: filesFlagsOf(
			memoryToLook,
			jsonFlag(),
			&cli.BoolFlag{
				Name:               "recursive",
				Aliases:            []string{"R"},
				Usage:              "list what is in directories too, with whole paths",
				DisableDefaultText: true,
			},
		),
		Action: runLs,
	}
}

const lsUsage = "BACKUP [PATH...]"

func runLs(c *cli.Context) error {
	o, deep := filesOptionsOf(c), c.Bool("recursive")
	return o.run(c.Context, lsUsage, 1, func(r *filesRun) error { return r.ls(c.Context, deep) })
}

func (r *filesRun) ls(ctx context.Context, deep bool) error {
	paths := r.paths
	if len(paths) == 0 {
		only, ok := onlyPart(r.disk)
		if !ok {
			return r.lsParts()
		}
		paths = []string{only + ":/"}
	}
	var nodes []*files.Node
	for _, path := range paths {
		n, err := r.find(path, false)
		if err != nil {
			return err
		}
		if n.IsLink() { // to a directory: what is in that is wanted
			if to, _, err := r.disk.Find(path, true); err == nil && to.IsDir() {
				n = to
			}
		}
		nodes = append(nodes, n)
	}
	r.notes()
	whole := deep || len(nodes) > 1
	listing := files.Listing{Deep: deep, Failed: r.told, Found: func(n *files.Node) error {
		name := n.Name()
		if whole || !nodes[0].IsDir() {
			name = r.disk.Name(n)
		}
		if n.IsDir() {
			name += "/"
		}
		_, err := fmt.Fprintln(r.Out, filereport.Long(n, name))
		return err
	}}
	return r.list(ctx, nodes, listing, "listed")
}

// list gives the files of trees to a listing, or writes them as JSON.
func (r *filesRun) list(
	ctx context.Context,
	nodes []*files.Node,
	listing files.Listing,
	done string,
) error {
	var out *filereport.List
	if r.JSON {
		var err error
		if out, err = filereport.NewList(r.Out, r.backup, r.disk); err != nil {
			return err
		}
		listing.Found = out.Add
		listing.Failed = func(path string, err error) {
			r.told(path, err)
			out.Fail(path, err)
		}
	}
	for _, n := range nodes {
		if err := listing.List(ctx, n); err != nil {
			return err
		}
	}
	if out != nil {
		if err := out.End(); err != nil {
			return err
		}
	}
	return r.result(done)
}

// lsParts lists the parts of the disk.
func (r *filesRun) lsParts() error {
	if r.JSON {
		out, err := filereport.NewList(r.Out, r.backup, r.disk)
		if err != nil {
			return err
		}
		return out.End()
	}
	filereport.PrintParts(r.Out, r.disk.Parts)
	for _, problem := range r.disk.Problems {
		fmt.Fprintf(r.Err, "note    table of partitions: %s\n", wording.Printable(problem))
	}
	for _, p := range r.disk.Parts {
		if p.Readable() {
			fmt.Fprintf(r.Err, "files of a part:  restorefs ls %s %s:/\n", r.backup, p.Name)
			return nil
		}
	}
	return r.noFiles()
}

// noFiles is the error for a disk of which no files are read.
func (r *filesRun) noFiles() error {
	return fmt.Errorf(
		"there is no file system on the disk whose files are read here%s",
		adviceFor(r.disk.Parts, false),
	)
}

// onlyPart returns the name of the one part in which files can be; false if others could have some
// as well, or none is read.
func onlyPart(d *files.Disk) (name string, ok bool) {
	for _, p := range d.Parts {
		switch {
		case p.Container:
		case p.Readable() && name == "":
			name = p.Name
		case p.Readable(), p.Err != nil, p.Kind != "" && p.Kind != "swap":
			return "", false
		}
	}
	return name, name != ""
}
