package browse

import (
	"context"
	"fmt"

	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/cmd/filereport"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Ls lists files, and what is in directories; with deep also what is in directories in those.
// Without paths it lists the root of the one file system, or the parts of the disk.
func Ls(ctx context.Context, o Options, paths []string, deep bool) error {
	return opened(ctx, o, func(b *browser, _ *locate.Share) error { return b.ls(ctx, paths, deep) })
}

func (b *browser) ls(ctx context.Context, paths []string, deep bool) error {
	if len(paths) == 0 {
		b.disk.TryUnknown()
		only, ok := onlyPart(b.disk)
		if !ok {
			return b.lsParts()
		}
		paths = []string{only + ":/"}
	}
	var nodes []*files.Node
	for _, path := range paths {
		n, err := b.find(path, false)
		if err != nil {
			return err
		}
		if n.IsLink() { // to a directory: what is in that is wanted
			if to, _, err := b.disk.Find(path, true); err == nil && to.IsDir() {
				n = to
			}
		}
		nodes = append(nodes, n)
	}
	b.notes()
	whole := deep || len(nodes) > 1
	line := func(n *files.Node) string {
		name := n.Name()
		if whole || !nodes[0].IsDir() {
			name = b.disk.Name(n)
		}
		if n.IsDir() {
			name += "/"
		}
		return filereport.Long(n, name) + "\n"
	}
	return b.list(ctx, nodes, files.Listing{Deep: deep}, line, "listed")
}

// lsParts lists the parts of the disk.
func (b *browser) lsParts() error {
	if b.json {
		out, err := filereport.NewList(b.out, b.backup, b.disk)
		if err != nil {
			return err
		}
		return out.End()
	}
	filereport.PrintParts(b.out, b.disk.Parts)
	for _, problem := range b.disk.Problems {
		fmt.Fprintf(b.err, "note    table of partitions: %s\n", wording.Printable(problem))
	}
	for _, p := range b.disk.Parts {
		if p.Readable() {
			fmt.Fprintf(b.err, "files of a part:  restorefs ls %s %s:/\n", b.backup, p.Name)
			return nil
		}
	}
	return noFiles(b.disk)
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
