package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// volumeFlags are those of materialize that are about a volume of a cloud.
func volumeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "volume", Usage: "TARGET is the cloud's volume `ID`: restore its name, metadata and more too"},
		&cli.StringFlag{Name: "metadata-rule", Value: string(cinderapi.RuleBackup),
			Usage: "`RULE` for a volume's metadata: backup (as it was when the backup was made) or cinder (as Cinder's own restore does it)"},
		&cli.BoolFlag{Name: "no-metadata", Usage: "with a volume of the cloud: check it, but leave its metadata alone", DisableDefaultText: true},
		&cli.BoolFlag{Name: "metadata-only", Usage: "with --volume: restore its metadata, no data; TARGET is not needed", DisableDefaultText: true},
		cloudFlag(),
	}
}

// cloudVolume is the volume of a cloud that a backup is restored to.
type cloudVolume struct {
	c        *cli.Context
	share    *locate.Share
	client   *cinderapi.Client
	volume   *cinderapi.Volume // as it was found
	rule     cinderapi.Rule
	metadata bool // is restored too
	marked   bool // by us, as reserved (cinderapi.ReservedKey)
}

// metadataRule is --metadata-rule, checked together with the flags it goes with.
func metadataRule(c *cli.Context) (cinderapi.Rule, error) {
	rule := cinderapi.Rule(c.String("metadata-rule"))
	switch {
	case rule != cinderapi.RuleBackup && rule != cinderapi.RuleCinder:
		return "", usagef("--metadata-rule is %s or %s", cinderapi.RuleBackup, cinderapi.RuleCinder)
	case c.Bool("no-metadata") && c.Bool("metadata-only"):
		return "", usagef("--no-metadata and --metadata-only leave nothing to do")
	case c.Bool("metadata-only") && c.String("volume") == "":
		return "", usagef("--metadata-only needs --volume ID: the volume whose metadata is restored")
	}
	return rule, nil
}

// findCloudVolume logs in and looks at the volume of --volume. It is nil where
// that is not given. The caller closes it.
func findCloudVolume(c *cli.Context, s *locate.Share) (*cloudVolume, error) {
	rule, err := metadataRule(c)
	if err != nil {
		return nil, err
	}
	if c.String("volume") == "" {
		for _, flag := range []string{"metadata-rule", "no-metadata", "os-cloud"} {
			// OS_CLOUD alone is no wish.
			if c.IsSet(flag) && !(flag == "os-cloud" && os.Getenv("OS_CLOUD") == c.String(flag)) {
				return nil, usagef("--%s is for a volume of the cloud: say which with --volume ID, or --new-volume", flag)
			}
		}
		return nil, nil
	}
	client, err := connectCloud(c)
	if err != nil {
		return nil, err
	}
	v, err := client.GetVolume(c.Context, c.String("volume"))
	if err != nil {
		client.Close()
		return nil, err
	}
	return &cloudVolume{c: c, share: s, client: client, volume: v, rule: rule, metadata: !c.Bool("no-metadata")}, nil
}

func (v *cloudVolume) close() {
	if v != nil {
		v.client.Close()
	}
}

// String names the volume as the operator knows it.
func (v *cloudVolume) String() string {
	name := ""
	if v.volume.Name != nil {
		name = quoted(*v.volume.Name)
	}
	return fmt.Sprintf("volume %s%s", v.volume.ID, name)
}

// describe is the line that the operator confirms.
func (v *cloudVolume) describe() string {
	text := fmt.Sprintf("%s, %d GiB, %s", strings.TrimPrefix(v.String(), "volume "), v.volume.SizeGiB, v.volume.Status)
	if !v.metadata {
		text += "; its metadata stays"
	}
	return printable(text)
}

// origin is what the backup and its parents know of the volume's metadata. err
// says what is missing of it.
func (v *cloudVolume) origin(b *backupstore.Backup) (cinderapi.Origin, error) {
	o := cinderapi.Origin{BackupID: b.ID, VolumeID: b.VolumeID}
	for l := b; l != nil; l = l.Parent() {
		var layer *cinderapi.Layer
		m, err := l.ReadVolumeMeta(v.c.Context)
		if err != nil {
			return o, err
		}
		if m != nil {
			layer = &cinderapi.Layer{
				Version: m.Version, Name: m.Base.Name, Description: m.Base.Description, Bootable: m.Base.Bootable, Metadata: m.Metadata,
				Image: m.Image, VolumeTypeID: m.Base.VolumeTypeID, EncryptionKeyID: m.Base.EncryptionKeyID,
			}
		}
		o.Chain = append(o.Chain, layer)
		if v.rule == cinderapi.RuleBackup {
			break
		}
		if l.Incremental() && l.Parent() == nil {
			return o, fmt.Errorf("--metadata-rule cinder needs all parents: %s of backup %s is not on the share: %w", l.ParentID, l.ID, backupstore.ErrDamaged)
		}
	}
	if o.Chain[0] == nil && v.rule == cinderapi.RuleBackup {
		return o, fmt.Errorf("backup %s has no usable record of its volume's metadata (see restorefs show): there is nothing to restore it from", b.ID)
	}
	return o, nil
}

// restoredVolume is what JSON says of a volume's metadata; its fields are a
// contract.
type restoredVolume struct {
	ID       string                 `json:"id"`
	Rule     cinderapi.Rule         `json:"metadata_rule"`
	Restored bool                   `json:"metadata_restored"`          // all of it
	Left     []cinderapi.Difference `json:"metadata_left"`              // what is not as it should be
	LeftFile string                 `json:"metadata_left_file"`         // where that is written down, "" for nowhere
	Error    string                 `json:"metadata_error,omitempty"`   // what ended it
	Again    string                 `json:"metadata_command,omitempty"` // does it again, where that is of use
}

// restoreMetadata restores the volume's metadata after its data, which is as
// data says, and tells of it unless that is left to JSON. nil is returned where
// nothing was to be done.
func (v *cloudVolume) restoreMetadata(b *backupstore.Backup, data string) (*restoredVolume, error) {
	if v == nil || !v.metadata {
		return nil, nil
	}
	out := &restoredVolume{ID: v.volume.ID, Rule: v.rule, Left: []cinderapi.Difference{}}
	left, err := v.tryMetadata(b)
	out.Left = append(out.Left, left...)
	out.Restored = err == nil && len(left) == 0
	if out.Restored {
		v.nothingLeft()
		if !v.c.Bool("json") {
			fmt.Fprintf(v.c.App.Writer, "restored the metadata of volume %s, read back and compared\n", v.volume.ID)
		}
		return out, nil
	}
	for _, d := range left {
		fmt.Fprintln(v.c.App.ErrWriter, printable("left: "+differenceWords(d)))
	}
	if len(left) > 0 {
		out.LeftFile = v.writeLeft(b, left)
	}
	if err != nil {
		out.Error, out.Again = err.Error(), v.again(b)
		return out, metadataError{fmt.Errorf("%sthe metadata of volume %s is not restored, or only in part: %w\nrun again just that: %s", data, v.volume.ID, err, out.Again)}
	}
	text := fmt.Sprintf("%sthe metadata of volume %s is restored, except for %s", data, v.volume.ID, amount(len(left)))
	if slices.ContainsFunc(left, func(d cinderapi.Difference) bool { return d.Permanent }) {
		text += "; what the cloud's API does not take only an administrator of the cloud can put into Cinder's database"
	}
	if out.LeftFile != "" {
		text += "; all of it is in " + out.LeftFile
	}
	if slices.ContainsFunc(left, func(d cinderapi.Difference) bool { return !d.Permanent }) {
		out.Again = v.again(b)
		text += "\nrun again just that: " + out.Again
	}
	return out, metadataError{errors.New(text)}
}

func amount(n int) string {
	if n == 1 {
		return "one thing"
	}
	return fmt.Sprintf("%d things", n)
}

func (v *cloudVolume) tryMetadata(b *backupstore.Backup) ([]cinderapi.Difference, error) {
	o, err := v.origin(b)
	if err != nil {
		return nil, err
	}
	// It may have changed while the data was written.
	now, err := v.client.GetVolume(v.c.Context, v.volume.ID)
	if err != nil {
		return nil, err
	}
	return v.client.RestoreMetadata(v.c.Context, v.volume.ID, o.Wanted(v.rule, v.volume.ID, now.State()))
}

// plan is in what the volume's metadata would be changed.
func (v *cloudVolume) plan(b *backupstore.Backup) ([]cinderapi.Difference, error) {
	if v == nil || !v.metadata {
		return nil, nil
	}
	o, err := v.origin(b)
	if err != nil {
		return nil, err
	}
	return cinderapi.Differences(o.Wanted(v.rule, v.volume.ID, v.volume.State()), v.volume.State()), nil
}

// printChanges lists what --dry-run would change of a volume's metadata.
func printChanges(w io.Writer, changes []cinderapi.Difference) {
	for _, d := range changes {
		fmt.Fprintln(w, printable("change    "+differenceWords(d)))
	}
	if len(changes) == 0 {
		fmt.Fprintln(w, "metadata  of the volume is as it should be")
	}
}

// notes is what the operator should know of the volume before its data is
// written.
func (v *cloudVolume) notes(b *backupstore.Backup) []string {
	notes := v.statusNotes()
	changes, err := v.plan(b)
	if err != nil {
		return append(notes, "its metadata will not be restored: "+explain(err))
	}
	for _, d := range changes {
		if d.Field == "encryption_key_id" {
			notes = append(notes, fmt.Sprintf("the data is encrypted with the key %s, which the volume does not have and the API cannot give it: "+
				"an administrator of the cloud must, before it can be read", *d.Wanted))
		}
	}
	return notes
}

func differenceWords(d cinderapi.Difference) string {
	d.Key = cut(d.Key, maxName)
	show := func(s *string) string {
		if s == nil {
			return "nothing"
		}
		if r := []rune(*s); len(r) > 60 {
			return fmt.Sprintf("%q... (%d characters)", string(r[:60]), len(r))
		}
		return fmt.Sprintf("%q", *s)
	}
	text := fmt.Sprintf("%s is %s, should be %s", d, show(d.Found), show(d.Wanted))
	if d.Why != "" {
		text += ": " + d.Why
	}
	return text
}

// leftFile is what is left of a volume's metadata; its fields are a contract.
type leftFile struct {
	Volume string                 `json:"volume"`
	Backup string                 `json:"backup"`
	Left   []cinderapi.Difference `json:"left"`
}

// leftPath is where what is left is kept.
func (v *cloudVolume) leftPath() string {
	return keeperOf(v.c, v.share).aside(filepath.Base(v.volume.ID) + ".metadata-left.json")
}

// nothingLeft removes what an earlier run has left there.
func (v *cloudVolume) nothingLeft() {
	path := v.leftPath()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var old leftFile
	if err == nil && (json.Unmarshal(text, &old) != nil || old.Volume != v.volume.ID) {
		return // nobody knows whose it is
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		fmt.Fprintf(v.c.App.ErrWriter, "what an earlier run left is restored now, but its file stays: %v\n", err)
		return
	}
	fmt.Fprintf(v.c.App.ErrWriter, "removed %s: nothing is left any more\n", path)
}

// writeLeft keeps what is left in a file.
func (v *cloudVolume) writeLeft(b *backupstore.Backup, left []cinderapi.Difference) string {
	path := v.leftPath()
	var text bytes.Buffer
	err := writeJSON(&text, leftFile{v.volume.ID, b.ID, left})
	if err == nil {
		err = keeperOf(v.c, v.share).keep(path, text.Bytes())
	}
	if err != nil {
		fmt.Fprintf(v.c.App.ErrWriter, "what is left is not written to a file: %v\n", err)
		return ""
	}
	return path
}

// again is the command that repeats just the metadata.
func (v *cloudVolume) again(b *backupstore.Backup) string {
	words := append([]string{"restorefs", "materialize", "--metadata-only"}, sameShare(v.c, v.share)...)
	for _, flag := range []string{"os-cloud", "metadata-rule"} {
		if v.c.IsSet(flag) {
			words = append(words, "--"+flag, v.c.String(flag))
		}
	}
	words = append(words, "--volume", v.volume.ID, b.ID)
	for i, w := range words {
		words[i] = shellWord(w)
	}
	return strings.Join(words, " ")
}

// metadataError says that a volume's metadata is not restored, or not all of it.
type metadataError struct{ error }

func (e metadataError) Is(target error) bool { return target == errMetadata }

func (e metadataError) Unwrap() error { return errors.Unwrap(e.error) }

// metadataOnly is materialize --metadata-only.
func metadataOnly(c *cli.Context) error {
	if n := c.NArg(); n != 1 && n != 2 {
		return usagef("materialize --metadata-only takes BACKUP, %s given", counted(n, "argument"))
	}
	if _, err := metadataRule(c); err != nil {
		return err
	}
	catalog, s, err := openCatalogOn(c, shareOptions(c), backupstore.Options{})
	if err != nil {
		return err
	}
	defer catalog.Close()
	b, err := oneBackup(c, catalog)
	if err != nil {
		return err
	}
	v, err := findCloudVolume(c, s)
	if err != nil {
		return err
	}
	defer v.close()
	if c.NArg() == 2 {
		if err := v.isAt(c.Args().Get(1)); err != nil {
			return err
		}
	}
	if err := v.check(b); err != nil {
		return err
	}
	if c.Bool("dry-run") {
		changes, err := v.plan(b)
		if err != nil {
			return err
		}
		if c.Bool("json") {
			return writeJSON(c.App.Writer, map[string]any{"backup": b.ID, "volume": v.volume.ID, "metadata_changes": changes})
		}
		printChanges(c.App.Writer, changes)
		return nil
	}
	out, err := v.restoreMetadata(b, "")
	if c.Bool("json") {
		err = errors.Join(err, writeJSON(c.App.Writer, map[string]any{"backup": b.ID, "volume": out}))
	}
	return err
}
