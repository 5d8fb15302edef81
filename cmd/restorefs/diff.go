package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/wording"
)

func diffCommand() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "show which ranges differ between two backups, by their digests",
		ArgsUsage: "A B",
		Description: backupHelp + `

A and B may be of different volumes. For a volume of 1 TiB two files of 2.4 GB
are read. Objects are decoded only where the digests of both say zero and the
two share no object: whether that is so is then seen in the objects. Ranges are
of whole blocks (32 KiB unless Cinder was configured otherwise); where one
volume ends before the other it counts as zero. The table is offset and length
in bytes.`,
		Flags:  []cli.Flag{shareFlag(), jsonFlag()},
		Action: runDiff,
	}
}

func runDiff(c *cli.Context) error {
	if err := wantArgs(c, "A", "B"); err != nil {
		return err
	}
	catalog, err := openCatalog(c, 16<<20)
	if err != nil {
		return err
	}
	defer catalog.Close()
	a, err := catalog.Find(c.Args().Get(0))
	if err != nil {
		return err
	}
	b, err := catalog.Find(c.Args().Get(1))
	if err != nil {
		return err
	}
	w := c.App.Writer
	var total int64
	n := 0
	for r, err := range catalog.Diff(c.Context, a, b) {
		if err != nil {
			return err
		}
		n, total = n+1, total+r.Len
		if !c.Bool("json") {
			report.PrintRange(w, r)
			continue
		}
		open := ",\n "
		if n == 1 {
			open = "[\n "
		}
		// Written one by one: there can be millions.
		if _, err := fmt.Fprintf(w, `%s {"offset": %d, "length": %d}`, open, r.Off, r.Len); err != nil {
			return err
		}
	}
	if !c.Bool("json") {
		size := max(a.Size, b.Size)
		fmt.Fprintf(w, "%s in %d range(s) differ, of %s (%.1f %%)\n", wording.Size(total), n, wording.Size(size), 100*float64(total)/float64(max(size, 1)))
		if a.Size != b.Size {
			fmt.Fprintf(c.App.ErrWriter, "the volumes have %s and %s: the shorter one counts as zero behind its end\n", wording.Size(a.Size), wording.Size(b.Size))
		}
		return nil
	}
	if n == 0 {
		fmt.Fprint(w, "[")
	}
	_, err = fmt.Fprintln(w, "\n]")
	return err
}
