package report

import (
	"slices"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Backup is a backup in list's JSON; its fields are a contract.
type Backup struct {
	ID          string    `json:"id"`
	VolumeID    string    `json:"volume_id"`
	VolumeName  *string   `json:"volume_name"`
	ProjectID   *string   `json:"project_id"` // of the volume
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

	Disk   *Disk   `json:"disk,omitempty"` // with --look
	Proven *Proven `json:"proven,omitempty"`
}

// NewBackup describes a backup, but for its disk.
func NewBackup(b *backupstore.Backup) Backup {
	var volumeName, project, parent *string
	if b.VolumeMeta != nil {
		volumeName, project = b.VolumeMeta.Base.Name, b.VolumeMeta.Base.ProjectID
	}
	if b.Incremental() {
		parent = &b.ParentID
	}
	return Backup{
		ID:          b.ID,
		VolumeID:    b.VolumeID,
		VolumeName:  volumeName,
		ProjectID:   project,
		Name:        b.Name,
		Description: b.Description,
		CreatedAt:   b.CreatedAt,
		ParentID:    parent,
		Incremental: b.Incremental(),
		State:       b.State.String(),
		Size:        b.Size,
		StoredBytes: b.StoredBytes,
		Objects:     b.Objects,
		Compression: append([]string{}, b.Compression...),
		Container:   b.Container(),
		Problems:    append([]string{}, b.Problems...),
	}
}

// VolumeNames returns the names of each volume by its id, the newest first, each once. backups must
// be in order of age, oldest first. Names of backups that are not listed count too.
func VolumeNames(backups []*backupstore.Backup) map[string][]string {
	names := map[string][]string{}
	for _, b := range slices.Backward(backups) {
		if n := b.VolumeName(); n != "" && !slices.Contains(names[b.VolumeID], n) &&
			len(names[b.VolumeID]) <= maxNames {
			names[b.VolumeID] = append(names[b.VolumeID], n)
		}
	}
	return names
}

// maxNames older names of a volume are shown.
const maxNames = 3

// namesText returns what follows the id of a volume.
func namesText(names []string) string {
	if len(names) == 0 {
		return ""
	}
	text := wording.Quoted(names[0])
	for i, former := range names[1:] {
		switch {
		case i == 0:
			text += ", before:"
		default:
			text += ","
		}
		text += wording.Quoted(former)
	}
	return text
}
