package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
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

// listed is a backup in list's JSON; its fields are a contract.
type listed struct {
	ID          string    `json:"id"`
	VolumeID    string    `json:"volume_id"`
	VolumeName  *string   `json:"volume_name"`
	Name        *string   `json:"name"`
	Description *string   `json:"description"`
	CreatedAt   time.Time `json:"created_at"`
	ParentID    *string   `json:"parent_id"`
	Incremental bool      `json:"incremental"`
	State       string    `json:"state"`
	Size        int64     `json:"size"`
	StoredBytes int64     `json:"stored_bytes"`
	Objects     int       `json:"objects"`
	Compression []string  `json:"compression"`
	Container   string    `json:"container"`
	Problems    []string  `json:"problems"`

	Disk *listedDisk `json:"disk,omitempty"` // with --look
}

func newListed(b *backupstore.Backup) listed {
	var volumeName, parent *string
	if b.VolumeMeta != nil {
		volumeName = b.VolumeMeta.Base.Name
	}
	if b.Incremental() {
		parent = &b.ParentID
	}
	return listed{
		ID: b.ID, VolumeID: b.VolumeID, VolumeName: volumeName, Name: b.Name, Description: b.Description, CreatedAt: b.CreatedAt,
		ParentID: parent, Incremental: b.Incremental(), State: b.State.String(), Size: b.Size, StoredBytes: b.StoredBytes,
		Objects: b.Objects, Compression: append([]string{}, b.Compression...), Container: b.Container,
		Problems: append([]string{}, b.Problems...),
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
	disks := map[*backupstore.Backup]*listedDisk{}
	for _, b := range shown {
		if disks[b], err = lookAt(c, catalog, b); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		out := []listed{}
		for _, b := range shown {
			l := newListed(b)
			l.Disk = disks[b]
			out = append(out, l)
		}
		if err := wording.WriteJSON(c.App.Writer, out); err != nil {
			return err
		}
		return noneOf(c, catalog, len(shown))
	}
	out := bufio.NewWriter(c.App.Writer)
	printList(out, shown, volumeNames(catalog.Backups()), disks)
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

func printList(out io.Writer, backups []*backupstore.Backup, names map[string][]string, disks map[*backupstore.Backup]*listedDisk) {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	defer w.Flush()
	volume := ""
	for _, b := range backups {
		if b.VolumeID != volume {
			volume = b.VolumeID
			w.Flush()
			fmt.Fprintf(out, "volume %s%s\n", volume, namesText(names[volume]))
		}
		kind := "full"
		if b.Incremental() {
			kind = "on " + b.ParentID[:8]
		}
		name := ""
		if b.Name != nil {
			name = wording.Printable(wording.Cut(*b.Name, wording.MaxName))
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s stored\t%s\t%s\n", b.ID, b.CreatedAt.Format("2006-01-02 15:04:05"), kind,
			wording.VolumeSize(b.Size), wording.Size(b.StoredBytes), b.State, name)
		if b.State != backupstore.Complete {
			w.Flush()
			for _, p := range b.Problems {
				fmt.Fprintf(out, "      %s\n", wording.Printable(wording.Cut(p, wording.MaxValue)))
			}
		}
		if d := disks[b]; d != nil {
			w.Flush()
			for _, line := range d.lines() {
				fmt.Fprintf(out, "      %s\n", wording.Printable(line))
			}
		}
	}
}
