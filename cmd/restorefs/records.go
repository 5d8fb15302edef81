package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/console"
	"github.com/restorefs/restorefs/cmd/wording"
)

func recordsCommand() *cli.Command {
	return &cli.Command{
		Name:      "records",
		Usage:     "make records of the backups for a Cinder that has lost its database",
		ArgsUsage: "[BACKUP...]",
		Description: backupHelp + `

Prints for each backup, parents before children, the command that gives Cinder its
record back; a BACKUP with its chain, or all complete ones of the share. --script
writes a shell script that imports them one by one, leaves alone what is there, and
can be run again; --import does that itself, through Cinder's API.

Cinder gives an imported backup to the project and the user of the caller, who must
be an admin (of that project: log in there, with --project for its backups only), and
counts it against the project's quota. The share that Cinder has as backup_share must
be --share, not a directory above or below it.`,
		Flags: []cli.Flag{
			shareFlag(), jsonFlag(),
			&cli.BoolFlag{Name: "script", Usage: "write a shell script to stdout that imports the records", DisableDefaultText: true},
			&cli.BoolFlag{Name: "import", Usage: "import them through Cinder's API, and tell what became of each", DisableDefaultText: true},
			cloudFlag(),
			&cli.StringFlag{Name: "backup-service",
				Usage: "Cinder's backup_driver there: `DRIVER` is nfs, posix, or its whole name (default: as in --cinder-conf, else nfs)"},
			&cli.StringFlag{Name: "project", Usage: "only backups of volumes of the project with this `ID`"},
			&cli.BoolFlag{Name: "any-project", Usage: "import backups of other projects into this one too", DisableDefaultText: true},
		},
		Action: records,
	}
}

// recordJSON is a record in records' JSON; its fields are a contract.
type recordJSON struct {
	ID            string                   `json:"id"`
	VolumeID      string                   `json:"volume_id"`
	ParentID      *string                  `json:"parent_id"`
	ProjectID     *string                  `json:"project_id"` // of the volume
	BackupService string                   `json:"backup_service"`
	BackupURL     string                   `json:"backup_url"`
	Record        backupstore.ImportRecord `json:"record"` // contents of BackupURL
	// CannotRestore is why Cinder's own restore of it fails, as far as was checked.
	CannotRestore string `json:"cinder_cannot_restore,omitempty"`
}

// recordsOptions are what the flags of records ask for.
type recordsOptions struct {
	console.Console
	backups []string // as they were named; none for all
	service string   // full name of Cinder's driver
	project string   // of the volumes, "" for all projects
	script  bool
}

func records(c *cli.Context) (err error) {
	o := recordsOptions{Console: consoleOf(c), backups: c.Args().Slice(), project: c.String("project"), script: c.Bool("script")}
	if o.script && (o.JSON || c.Bool("import")) {
		return cmdline.Usagef("--script excludes --json and --import")
	}
	if o.service, err = backupService(c); err != nil {
		return err
	}
	catalog, err := openCatalog(c, 0)
	if err != nil {
		return err
	}
	defer catalog.Close()
	chosen, err := o.choose(catalog)
	if err != nil {
		return err
	}
	noteRecords(o.Err, chosen)
	odd, err := o.unrestorable(c.Context, catalog, chosen)
	if err != nil {
		return err
	}
	if len(o.backups) == 0 {
		defer func() { err = errors.Join(err, wholeShare(catalog, len(chosen))) }()
	}
	if !c.Bool("import") {
		return o.print(catalog, chosen, odd)
	}
	client, err := connectCloud(c)
	if err != nil {
		return err
	}
	defer client.Close()
	return o.importRecords(c.Context, client, chosen, cloud.ImportOptions{AnyProject: c.Bool("any-project")})
}

// print prints the records in the form that was asked for. odd is why Cinder cannot restore some of
// them, by id.
func (o recordsOptions) print(catalog *backupstore.Catalog, chosen []backupstore.Importable, odd map[string]string) (err error) {
	out := bufio.NewWriter(o.Out)
	switch {
	case o.JSON:
		err = printRecordsJSON(out, chosen, odd)
	case o.script:
		err = printScript(out, chosen, catalog.String())
	default:
		err = printRecords(out, chosen)
	}
	return cmp.Or(err, out.Flush())
}

// backupService returns the full name of the driver that is to import.
func backupService(c *cli.Context) (string, error) {
	driver := c.String("backup-service")
	if !c.IsSet("backup-service") {
		driver = "nfs"
		conf, counts, err := cinderConfig(c)
		if counts {
			return "", err
		}
		if err == nil {
			driver = conf.Driver
		}
	}
	switch {
	case driver == "nfs":
		return cinderconf.NFSDriver, nil
	case driver == "posix":
		return cinderconf.PosixDriver, nil
	case driver == "" || len(driver) > 255 || strings.ContainsFunc(driver, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "", cmdline.Usagef("--backup-service is nfs, posix, or what Cinder's configuration has as backup_driver")
	}
	return driver, nil
}

// choose returns the records of the backups that were asked for, or of all that Cinder could use.
func (o recordsOptions) choose(catalog *backupstore.Catalog) ([]backupstore.Importable, error) {
	var chosen []*backupstore.Backup
	for _, ref := range o.backups {
		b, err := catalog.Find(ref)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, b)
	}
	if len(o.backups) == 0 {
		var incomplete, broken int
		for _, b := range catalog.Backups() {
			switch {
			case b.State == backupstore.Complete:
				chosen = append(chosen, b)
			case b.State == backupstore.Incomplete:
				incomplete++
			default:
				broken++
			}
		}
		if incomplete+broken > 0 {
			fmt.Fprintf(o.Err, "left out, because Cinder cannot restore them: %d broken and %d incomplete backup(s); \"restorefs list --all\" tells why\n", broken, incomplete)
		}
	}
	if o.project != "" {
		chosen = slices.DeleteFunc(chosen, func(b *backupstore.Backup) bool { return cloud.ProjectOf(b) != o.project })
	}
	if len(catalog.Backups()) == 0 {
		return nil, wholeShare(catalog, 0)
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("%w that Cinder could import is on %s", backupstore.ErrNoBackup, catalog)
	}
	return catalog.ImportRecords(chosen, o.service)
}

// noteRecords prints what an operator should know about the records and the records cannot tell
// Cinder.
func noteRecords(w io.Writer, chosen []backupstore.Importable) {
	var encrypted, bare, below int
	before, projects := map[string]int{}, map[string]int{}
	var gib int64
	for _, b := range chosen {
		gib += b.Record.SizeGiB
		projects[cloud.ProjectOf(b.Backup)]++
		dir, inside := b.Misplaced()
		if dir != "" {
			before[dir]++
		}
		if inside {
			below++
		}
		if b.VolumeMeta != nil && b.VolumeMeta.Base.EncryptionKeyID != nil {
			encrypted++
		}
		if !b.HasDigests {
			bare++
		}
	}
	fmt.Fprintf(w, "%d record(s), %d GiB of the quota of backups\n", len(chosen), gib)
	if len(projects) > 1 {
		fmt.Fprintf(w, "they are of %d projects, and the caller's project gets all; import those of each one with its credentials and --project:\n", len(projects))
		for _, p := range slices.Sorted(maps.Keys(projects)) {
			fmt.Fprintf(w, "  %s  %d\n", wording.Printable(wording.Cut(cmp.Or(p, "(not known)"), wording.MaxName)), projects[p])
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(before)) {
		fmt.Fprintf(w, "%d of them lie in %s/ where Cinder would not have put them: if its backup_share ends with that directory, give that as --share\n", before[dir], wording.Printable(dir))
	}
	if below > 0 {
		fmt.Fprintf(w, "%d of them lie where Cinder would not have put them, as if --share were a directory below its backup_share: give that itself\n", below)
	}
	if encrypted > 0 {
		fmt.Fprintf(w, "%d are of encrypted volumes. The share does not tell their own copy of the key: Cinder will restore them with the volume's key, "+
			"as long as that exists. Once such a backup was restored, deleting it deletes that key: do not while the volume is needed\n", encrypted)
	}
	if bare > 0 {
		fmt.Fprintf(w, "%d have no _sha256file: Cinder can restore them, but make no incremental backup on top of them\n", bare)
	}
}

func printRecordsJSON(w io.Writer, chosen []backupstore.Importable, odd map[string]string) error {
	all := make([]recordJSON, 0, len(chosen))
	for _, b := range chosen {
		url, err := b.Record.URL()
		if err != nil {
			return err
		}
		all = append(all, recordJSON{
			ID: b.ID, VolumeID: b.VolumeID, ParentID: b.Record.ParentID, ProjectID: b.Record.ProjectID,
			BackupService: b.Record.Service, BackupURL: url, Record: b.Record, CannotRestore: odd[b.ID],
		})
	}
	return wording.WriteJSON(w, all)
}

// printRecords prints commands, each after a comment.
func printRecords(w io.Writer, chosen []backupstore.Importable) error {
	volume := ""
	for _, b := range chosen {
		if b.VolumeID != volume {
			volume = b.VolumeID
			fmt.Fprintf(w, "# volume %s%s\n", volume, wording.Quoted(b.VolumeName()))
		}
		url, err := b.Record.URL()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "# %s\nopenstack volume backup record import %s %s\n", describeRecord(b), wording.ShellWord(b.Record.Service), url)
	}
	return nil
}

// describeRecord returns one line about a backup.
func describeRecord(b backupstore.Importable) string {
	kind := "full"
	if b.Incremental() {
		kind = "on " + b.ParentID
	}
	name := ""
	if b.Name != nil {
		name = wording.Quoted(*b.Name)
	}
	return fmt.Sprintf("%s  %s  %s  %d GiB%s", b.ID, b.CreatedAt.Format("2006-01-02 15:04:05"), kind, b.Record.SizeGiB, name)
}
