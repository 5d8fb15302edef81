package records

import (
	"fmt"
	"io"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Record is a record in records' JSON; its fields are a contract.
type Record struct {
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

// PrintJSON prints the records for scripts. odd is why Cinder cannot restore some of them, by id.
func PrintJSON(w io.Writer, chosen []backupstore.Importable, odd map[string]string) error {
	list := wording.NewJSONList(w)
	for _, b := range chosen {
		r := b.ImportRecord()
		url, err := r.URL()
		if err != nil {
			return err
		}
		if err := list.Add(Record{
			ID: b.ID, VolumeID: b.VolumeID, ParentID: r.ParentID, ProjectID: r.ProjectID,
			BackupService: r.Service, BackupURL: url, Record: r, CannotRestore: odd[b.ID],
		}); err != nil {
			return err
		}
	}
	return list.End()
}

// PrintCommands prints the commands that import them, each after a comment.
func PrintCommands(w io.Writer, chosen []backupstore.Importable) error {
	volume := ""
	for _, b := range chosen {
		if b.VolumeID != volume {
			volume = b.VolumeID
			fmt.Fprintf(w, "# volume %s%s\n", volume, wording.Quoted(b.VolumeName()))
		}
		url, err := b.ImportRecord().URL()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "# %s\nopenstack volume backup record import %s %s\n", describe(b),
			wording.ShellWord(b.Service()), url)
	}
	return nil
}

// describe returns one line about a backup.
func describe(b backupstore.Importable) string {
	kind := "full"
	if b.Incremental() {
		kind = "on " + b.ParentID
	}
	name := ""
	if b.Name != nil {
		name = wording.Quoted(*b.Name)
	}
	return fmt.Sprintf("%s  %s  %s  %d GiB%s", b.ID, b.CreatedAt.Format("2006-01-02 15:04:05"),
		kind, b.SizeGiB(), name)
}
