package attended

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/materialize/cinderapi"
)

// RestoredVolume is what JSON says about a volume's metadata; its fields are a contract.
type RestoredVolume struct {
	ID       string         `json:"id"`
	Rule     cinderapi.Rule `json:"metadata_rule"`
	Restored bool           `json:"metadata_restored"` // all of it
	// Left is what differs from what was wanted; LeftFile is a file with the same, "" for none.
	Left     []cinderapi.Difference `json:"metadata_left"`
	LeftFile string                 `json:"metadata_left_file"`
	Error    string                 `json:"metadata_error,omitempty"` // why it ended early
	// repeats it, if that can help
	Again string `json:"metadata_command,omitempty"`
}

// restoreMetadata restores the volume's metadata after its data, and reports it unless that is left
// to JSON. data is the state of the data, in words. It returns nil if there was nothing to do.
func (v *cloudVolume) restoreMetadata(ctx context.Context, b *backupstore.Backup,
	data string) (*RestoredVolume, error) {
	if !v.restoresMetadata() {
		return nil, nil
	}
	id := v.Volume.ID
	out := &RestoredVolume{ID: id, Rule: v.Rule(), Left: []cinderapi.Difference{}}
	left, err := v.RestoreMetadata(ctx, b)
	out.Left = append(out.Left, left...)
	out.Restored = err == nil && len(left) == 0
	if out.Restored {
		v.nothingLeft()
		if !v.JSON {
			fmt.Fprintf(v.Out, "restored the metadata of volume %s, read back and compared\n", id)
		}
		return out, nil
	}
	for _, d := range left {
		fmt.Fprintln(v.Err, wording.Printable("left: "+differenceWords(d)))
	}
	if len(left) > 0 {
		out.LeftFile = v.writeLeft(b, left)
	}
	if err != nil {
		out.Error = err.Error()
		out.Again = wording.ShellCommand(slices.Concat(v.again, []string{"--volume", id, b.ID}))
		return out, exitcode.MetadataFailed(fmt.Errorf("%sthe metadata of volume %s is not "+
			"restored, or only in part: %w\nrun again just that: %s", data, id, err, out.Again))
	}
	text := fmt.Sprintf("%sthe metadata of volume %s is restored, except for %s", data, id,
		amount(len(left)))
	if slices.ContainsFunc(left, func(d cinderapi.Difference) bool { return d.Permanent }) {
		text += "; what the cloud's API does not take only an administrator of the cloud can put " +
			"into Cinder's database"
	}
	if out.LeftFile != "" {
		text += "; all of it is in " + out.LeftFile
	}
	if slices.ContainsFunc(left, func(d cinderapi.Difference) bool { return !d.Permanent }) {
		out.Again = wording.ShellCommand(slices.Concat(v.again, []string{"--volume", id, b.ID}))
		text += "\nrun again just that: " + out.Again
	}
	return out, exitcode.MetadataFailed(errors.New(text))
}

func amount(n int) string {
	if n == 1 {
		return "one thing"
	}
	return fmt.Sprintf("%d things", n)
}

// printChanges prints what --dry-run would change in a volume's metadata.
func printChanges(w io.Writer, changes []cinderapi.Difference) {
	for _, d := range changes {
		fmt.Fprintln(w, wording.Printable("change    "+differenceWords(d)))
	}
	if len(changes) == 0 {
		fmt.Fprintln(w, "metadata  of the volume is as it should be")
	}
}

func differenceWords(d cinderapi.Difference) string {
	d.Key = wording.Cut(d.Key, wording.MaxName)
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

// leftFile is what could not be restored of a volume's metadata; its fields are a contract.
type leftFile struct {
	Volume string                 `json:"volume"`
	Backup string                 `json:"backup"`
	Left   []cinderapi.Difference `json:"left"`
}

// leftPath returns the path of the leftFile.
func (v *cloudVolume) leftPath() string {
	return v.keeper.Aside(filepath.Base(v.Volume.ID) + ".metadata-left.json")
}

// nothingLeft removes the leftFile of an earlier run.
func (v *cloudVolume) nothingLeft() {
	path := v.leftPath()
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return // no leftFile
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	var old leftFile
	if err == nil && (json.Unmarshal(text, &old) != nil || old.Volume != v.Volume.ID) {
		return // not a leftFile of this volume
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		fmt.Fprintf(v.Err, "what an earlier run left is restored now, but its file stays: %v\n",
			err)
		return
	}
	fmt.Fprintf(v.Err, "removed %s: nothing is left any more\n", path)
}

// writeLeft writes a leftFile and returns its path, "" if that failed.
func (v *cloudVolume) writeLeft(b *backupstore.Backup, left []cinderapi.Difference) string {
	path := v.leftPath()
	var text bytes.Buffer
	err := wording.WriteJSON(&text, leftFile{v.Volume.ID, b.ID, left})
	if err == nil {
		err = v.keeper.Keep(path, text.Bytes())
	}
	if err != nil {
		fmt.Fprintf(v.Err, "what is left is not written to a file: %v\n", err)
		return ""
	}
	return path
}
