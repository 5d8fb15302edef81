package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/places"
	"github.com/restorefs/restorefs/cmd/wording"
)

func showCommand() *cli.Command {
	return &cli.Command{
		Name:        "show",
		Usage:       "show everything known about a backup",
		ArgsUsage:   "BACKUP",
		Description: backupHelp,
		Flags: []cli.Flag{shareFlag(), jsonFlag(), overlayFlag("also show what was written onto BACKUP where it was mounted with --overlay `DIR`"),
			lookFlag(10*time.Second, "look at the disk for that long at most: its partitions, file systems, and whether it was in use; 0 for not at all"),
			&cli.BoolFlag{Name: "script", Usage: "print a script that restores the volume's metadata with the openstack client", DisableDefaultText: true}},
		Action: show,
	}
}

// shown is show's JSON; its fields are a contract.
type shown struct {
	listed
	Prefix   string                   `json:"prefix"`
	Digests  bool                     `json:"digests"`
	Chain    []listed                 `json:"chain"` // from the backup itself to the full one
	Restores backupstore.VolumeRecord `json:"restores"`
	Disk     *listedDisk              `json:"disk,omitempty"`    // unless --look is 0
	Overlay  *listedOverlay           `json:"overlay,omitempty"` // with --overlay, if there is one
}

func show(c *cli.Context) error {
	if err := wantArgs(c, "BACKUP"); err != nil {
		return err
	}
	catalog, err := openCatalog(c, 0)
	if err != nil {
		return err
	}
	defer catalog.Close()
	b, err := oneBackup(c, catalog)
	if err != nil {
		return err
	}
	if c.Bool("script") {
		if c.Bool("json") {
			return cmdline.Usagef("--script and --json are two things: say one")
		}
		return writeScript(c.Context, c.App.Writer, b)
	}
	record, err := b.Record(c.Context)
	if err != nil {
		return err
	}
	s := shown{listed: newListed(b), Prefix: b.Prefix, Digests: b.HasDigests, Restores: record.Volume, Chain: []listed{}}
	for l := b; l != nil && len(s.Chain) < 10000; l = l.Parent() {
		s.Chain = append(s.Chain, newListed(l))
	}
	if dir := c.String("overlay"); dir != "" {
		if err := places.CheckOverlays(c.String("trust-group"), dir); err != nil {
			return err
		}
		if s.Overlay, err = overlayOf(dir, b.ID); err != nil {
			return err
		}
	}
	if s.Disk, err = lookAt(c, catalog, b); err != nil {
		return err
	}
	if c.Bool("json") {
		return wording.WriteJSON(c.App.Writer, s)
	}
	printShown(c.App.Writer, s, c.String("overlay"))
	return nil
}

// printShown prints s for people. overlays is the directory of --overlay, "" for none.
func printShown(out io.Writer, s shown, overlays string) {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	defer w.Flush()
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, wording.Printable(wording.Cut(fmt.Sprintf(format, args...), wording.MaxValue)))
	}
	row("backup", "%s", s.ID)
	if s.Name != nil {
		row("name", "%s", *s.Name)
	}
	if s.Description != nil {
		row("description", "%s", *s.Description)
	}
	row("state", "%s", s.State)
	for _, p := range s.Problems {
		row("problem", "%s", p)
	}
	row("created", "%s", s.CreatedAt.Format("2006-01-02 15:04:05 MST"))
	if s.Size > 0 {
		row("volume size", "%s (%d bytes)", wording.Size(s.Size), s.Size)
	} else {
		row("volume size", "not known: its _metadata tells it")
	}
	row("objects", "%s", strings.Join(append([]string{fmt.Sprint(s.Objects), wording.Size(s.StoredBytes) + " stored"}, s.Compression...), ", "))
	digests := "one for each block"
	if !s.Digests {
		digests = "none: objects are checked against their MD5"
	}
	row("digests", "%s", digests)
	switch {
	case s.Overlay != nil:
		row("overlay", "%s, in %s", s.Overlay.state(), overlays)
	case overlays != "":
		row("overlay", "nothing was written onto this backup in %s", overlays)
	}
	if s.Disk != nil {
		name := "disk"
		for _, line := range s.Disk.lines() {
			row(name, "%s", line)
			name = ""
		}
	}
	row("files", "%s/%s*", s.Container, s.Prefix)
	for i, l := range s.Chain {
		name := "chain"
		if i > 0 {
			name = ""
		}
		kind := "full"
		if l.Incremental {
			kind = "incremental"
		}
		row(name, "%s  %s  %s  %s, %s stored  %s", l.ID, l.CreatedAt.Format("2006-01-02 15:04:05"), kind, wording.Count(l.Objects, "object"), wording.Size(l.StoredBytes), l.State)
	}
	if last := s.Chain[len(s.Chain)-1]; last.Incremental {
		row("", "%s  missing", *last.ParentID)
	}
	fmt.Fprintln(w)
	printVolume(row, s.Restores)
}

// maxItems bounds the items of a volume's metadata that are shown; Cinder's quota is 128.
const maxItems = 256

// printVolume prints what a restore restores besides the data.
func printVolume(row func(name, format string, args ...any), v backupstore.VolumeRecord) {
	row("volume", "%s", v.ID)
	text := func(name string, s *string) {
		if s != nil && *s != "" {
			row(name, "%s", *s)
		}
	}
	text("  name", v.Name)
	text("  description", v.Description)
	row("  bootable", "%v", v.Bootable)
	text("  type id", v.VolumeTypeID)
	text("  zone", v.AvailabilityZone)
	text("  encryption key", v.EncryptionKeyID)
	for _, m := range []struct {
		name   string
		values map[string]string
	}{{"  metadata", v.Metadata}, {"  image metadata", v.ImageMetadata}} {
		for i, k := range slices.Sorted(maps.Keys(m.values)) {
			if i == maxItems {
				row(m.name, "... and %d more (--json lists all)", len(m.values)-i)
				break
			}
			row(m.name, "%s = %s", k, m.values[k])
		}
	}
}
