package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/materialize"
)

// maybeFinished adds to the refusal of a target that holds something how to find
// out whether it is this backup: the same command may have ended well before, with
// nobody there to read it. Only the bytes prove that, so it is not decided here,
// and --force is not what should be tried first.
func (r *restore) maybeFinished(name string, err error) error {
	refused, ok := errors.AsType[*materialize.RefusedError](err)
	if !ok {
		return err
	}
	for _, reason := range refused.Reasons {
		if reason.Kind != materialize.ReasonContent {
			return err
		}
	}
	says := "was this backup restored to it already? This tells, and writes nothing:"
	if path := resolved(name) + ".metadata.json"; recordOf(path) == r.backup.ID {
		says = fmt.Sprintf("a restore of this backup ended here, as %s says. This proves that it is still whole, and writes nothing:", path)
	}
	words := append([]string{"restorefs", "verify"}, r.o.given.only("share", "cinder-conf", "mount-options")...)
	return fmt.Errorf("%w\n%s\n  %s", err, says, shellCommand(append(words, "--target", name, r.backup.ID)))
}

// recordOf is the id of the backup that a TARGET.metadata.json is of, "" if it is
// none.
func recordOf(path string) string {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > 16<<20 {
		return ""
	}
	text, err := os.ReadFile(path)
	var record backupstore.Record
	if err != nil || json.Unmarshal(text, &record) != nil {
		return ""
	}
	return record.Backup.ID
}
