package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/report"
	"github.com/restorefs/restorefs/cmd/wording"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list the backups on the share, oldest first by volume",
		Flags: []cli.Flag{
			shareFlag(), jsonFlag(),
			&cli.StringFlag{Name: "volume", Usage: "only backups of the volume with this `ID` (or the start of it)"},
			lookFlag(0, "also look at each disk for that long at most, such as 10s: its partitions, file systems, and whether it was in use; this reads the backups"),
			&cli.BoolFlag{Name: "all", Usage: "incomplete backups too (Cinder did not finish them)", DisableDefaultText: true},
		},
		Action: list,
	}
}

func list(c *cli.Context) (err error) {
	if err := wantArgs(c); err != nil {
		return err
	}
	catalog, err := openCatalog(c, 0)
	if err != nil {
		return err
	}
	defer catalog.Close()
	defer func() { err = errors.Join(err, wholeShare(catalog, len(catalog.Backups()))) }()
	var shown []*backupstore.Backup
	hidden := 0
	for _, b := range catalog.Backups() {
		switch {
		case !strings.HasPrefix(b.VolumeID, strings.ToLower(c.String("volume"))):
		case b.State == backupstore.Incomplete && !c.Bool("all"):
			hidden++
		default:
			shown = append(shown, b)
		}
	}
	disks := map[*backupstore.Backup]*report.Disk{}
	for _, b := range shown {
		if disks[b], err = lookAt(c, catalog, b); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		out := []report.Backup{}
		for _, b := range shown {
			l := report.NewBackup(b)
			l.Disk = disks[b]
			out = append(out, l)
		}
		if err := wording.WriteJSON(c.App.Writer, out); err != nil {
			return err
		}
		return noneOf(c, catalog, len(shown))
	}
	out := bufio.NewWriter(c.App.Writer)
	report.PrintList(out, shown, report.VolumeNames(catalog.Backups()), disks)
	if err := out.Flush(); err != nil {
		return err
	}
	if hidden > 0 {
		fmt.Fprintf(c.App.ErrWriter, "%d incomplete, not shown (--all)\n", hidden)
	}
	return noneOf(c, catalog, len(shown))
}

// noneOf is the error for a --volume without backups.
func noneOf(c *cli.Context, catalog *backupstore.Catalog, found int) error {
	if volume := c.String("volume"); found == 0 && volume != "" && len(catalog.Backups()) > 0 {
		return fmt.Errorf("%w of volume %s on %s", backupstore.ErrNoBackup, volume, catalog)
	}
	return nil
}
