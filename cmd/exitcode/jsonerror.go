package exitcode

import (
	"errors"
	"io"
	"strings"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Reported is the error of a command as JSON, which --json writes to stderr as one line; its fields
// are a contract.
type Reported struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"` // what can be done, or more of what happened
	Exit  int    `json:"exit"`
	// Candidates are the ids of the backups, or the volumes, that what was named could mean.
	Candidates []string `json:"candidates,omitempty"`
}

// WriteJSON writes the error of a command for scripts.
func WriteJSON(w io.Writer, err error) error {
	what, hint, _ := strings.Cut(Explain(err), "\n")
	r := Reported{Error: what, Hint: hint, Exit: Of(err)}
	if many, ok := errors.AsType[*backupstore.AmbiguousError](err); ok {
		for _, b := range many.Candidates {
			id := b.ID
			if many.Volumes {
				id = b.VolumeID
			}
			r.Candidates = append(r.Candidates, id)
		}
	}
	return wording.WriteJSONLine(w, r)
}
