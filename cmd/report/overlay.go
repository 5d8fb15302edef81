package report

import (
	"fmt"
	"time"

	"github.com/restorefs/restorefs/cmd/wording"
	"github.com/restorefs/restorefs/fusefs/overlay"
)

// Overlay is an overlay in the JSON of the overlay command; its fields are
// a contract.
type Overlay struct {
	Backup       string     `json:"backup"`
	Size         int64      `json:"size"`
	Created      *time.Time `json:"created"` // null: nothing has been written yet
	WrittenBytes int64      `json:"written_bytes"`
	StoredBytes  int64      `json:"stored_bytes"`
	InUse        bool       `json:"in_use"`
	Problem      string     `json:"problem,omitempty"`
}

// NewOverlay describes an overlay.
func NewOverlay(i overlay.Info) Overlay {
	l := Overlay{
		Backup:       i.Backup,
		Size:         i.Size,
		WrittenBytes: i.Written,
		StoredBytes:  i.Stored,
		InUse:        i.InUse,
		Problem:      i.Problem,
	}
	if !i.Created.IsZero() {
		l.Created = &i.Created
	}
	return l
}

// String is a line for people.
func (l Overlay) String() string { return l.Backup + "  " + wording.Printable(l.state()) }

func (l Overlay) state() string {
	if l.Problem != "" {
		return "cannot be used: " + l.Problem
	}
	s := "nothing written"
	if l.Created != nil {
		s = fmt.Sprintf("%s of %s written, %s stored, begun %s", wording.Size(l.WrittenBytes),
			wording.Size(l.Size), wording.Size(l.StoredBytes), l.Created.Format(time.DateTime))
	}
	if l.InUse {
		s += ", in use"
	}
	return s
}
