package main

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/wording"
)

func tarCommand() *cli.Command {
	return &cli.Command{
		Name:      "tar",
		Usage:     "write files inside a backup's disk to stdout as a tar",
		ArgsUsage: tarUsage,
		Description: backupHelp + "\n" + filesHelp + `

The tar is of the pax format, with owners, times, extended attributes, links and
devices; names are without the first slash. Holes are zeros in it. What cannot be
read of a file is zeros too, and told.`,
		Flags:  filesFlagsOf(memoryToCopy),
		Action: runTar,
	}
}

const tarUsage = "BACKUP PATH..."

func runTar(c *cli.Context) error {
	o := filesOptionsOf(c)
	if term.IsTerminal(int(os.Stdout.Fd())) {
		return cmdline.Usagef("stdout is a terminal: pipe it somewhere, such as | tar -x -C DIR")
	}
	return o.run(c.Context, tarUsage, 2, func(r *filesRun) error { return r.tar(c.Context) })
}

func (r *filesRun) tar(ctx context.Context) error {
	nodes, err := r.findAll(r.paths)
	if err != nil {
		return err
	}
	r.notes()
	out := bufio.NewWriterSize(r.Out, 1<<20)
	done, err := files.Tar(ctx, out, nodes, files.TarOptions{Failed: r.told, Left: r.left})
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("the tar is not whole: %w", err)
	}
	fmt.Fprintf(r.Err, "wrote %s, %s\n", wording.Count(done.Entries, "member"),
		wording.Size(done.Bytes))
	return r.result("all is in the tar")
}
