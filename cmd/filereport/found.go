package filereport

import (
	"fmt"
	"io"
	"time"

	"github.com/restorefs/restorefs/cmd/files"
)

// Found is a file in one of the backups of a volume, in JSON; its fields are a contract.
type Found struct {
	Backup    string    `json:"backup"`
	CreatedAt time.Time `json:"created_at"`
	File
}

// NewFound describes a file.
func NewFound(backup string, created time.Time, n *files.Node) Found {
	return Found{Backup: backup, CreatedAt: when(created), File: newFile(n)}
}

// Line is a file of a backup as people read it: when the backup was made, its id, and the file's
// size and time.
func (f Found) Line(name string) string {
	return fmt.Sprintf("%s %s %12d %s %s", f.CreatedAt.Format(time.DateTime), f.Backup, f.Size,
		f.Modified.Format(time.DateTime), Name(name))
}

// FoundList writes what was found in a volume's backups as one object of JSON.
type FoundList struct {
	w      io.Writer
	n      int
	failed Failures
}

// NewFoundList begins the object.
func NewFoundList(w io.Writer, volume string) (*FoundList, error) {
	id, err := oneLine(volume)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(w, "{\"volume\": %s,\n \"found\": [", id)
	return &FoundList{w: w}, err
}

// Add writes a file.
func (l *FoundList) Add(f Found) error {
	line, err := oneLine(f)
	if err != nil {
		return err
	}
	comma := ","
	if l.n++; l.n == 1 {
		comma = ""
	}
	_, err = fmt.Fprintf(l.w, "%s\n  %s", comma, line)
	return err
}

// Fail keeps what could not be read of a backup, for the end.
func (l *FoundList) Fail(backup, path, why string) {
	l.failed.Add(path, "backup "+backup+": "+why)
}

// End writes what could not be read, and the end of the object.
func (l *FoundList) End() error {
	failed, err := oneLine(append(Failures{}, l.failed...))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(l.w, "\n ],\n \"failed\": %s}\n", failed)
	return err
}
