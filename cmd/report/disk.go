package report

import "github.com/restorefs/restorefs/fusefs/contents"

// Disk describes what is on a backup's disk, in JSON; its fields are a contract.
type Disk struct {
	InUse       *bool     `json:"in_use"` // null: not known for all of it
	ImageFormat string    `json:"image_format,omitempty"`
	Contents    []Content `json:"contents"`
	Problems    []string  `json:"problems"`        // of the partition table
	Error       string    `json:"error,omitempty"` // why not all of it was looked at
	// Encryption is how the disk as a whole is encrypted, left out for most.
	Encryption *Encryption `json:"encryption,omitempty"`

	survey contents.Survey
}

// Content is what a disk or a partition holds; its fields are a contract.
type Content struct {
	Partition int    `json:"partition"` // 0: the disk as a whole
	Start     int64  `json:"start"`     // in bytes
	Size      int64  `json:"size"`
	Kind      string `json:"kind"` // "" if not known
	Label     string `json:"label,omitempty"`
	State     string `json:"state"` // clean, in use, unknown
	Detail    string `json:"detail,omitempty"`
}

// NewDisk describes a disk that was looked at. err is why that ended early, nil if it did not.
func NewDisk(s contents.Survey, err error) *Disk {
	l := &Disk{
		ImageFormat: s.Image,
		Contents:    []Content{},
		Problems:    append([]string{}, s.Table.Problems...),
		survey:      s,
	}
	if state := s.State(); state != contents.Unknown {
		inUse := state == contents.InUse
		l.InUse = &inUse
	}
	for _, p := range s.Parts {
		l.Contents = append(
			l.Contents,
			Content{Partition: p.Number, Start: p.Start, Size: p.Size, Kind: p.Kind, Label: p.Label,
				State: p.State.String(), Detail: p.Detail},
		)
	}
	if err != nil {
		l.Error = err.Error()
	}
	return l
}

// Lines describes for people what is on the disk.
func (l *Disk) Lines() []string {
	out := append(l.survey.Lines(), l.Encryption.lines()...)
	if l.Error != "" {
		out = append(out, "not all of it was looked at: "+l.Error)
	}
	return out
}

// RestoredLines returns what people must know about a restored disk. For most disks that were not
// in use that is nothing.
func (l *Disk) RestoredLines() []string {
	if l == nil {
		return nil
	}
	return append(l.survey.InUse(), l.survey.Advice(true)...)
}
