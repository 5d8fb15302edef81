package browse

import (
	"fmt"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/wording"
)

// tally counts what could not be read while the rest went on.
type tally struct {
	failed  int   // files, or directories of which not all was read
	damaged error // the first damage of a backup among that, for the exit code
}

func (t *tally) add(err error) {
	t.failed++
	if t.damaged == nil && files.Damaged(err) {
		t.damaged = err
	}
}

// addAll adds what another tally has counted.
func (t *tally) addAll(other tally) {
	t.failed += other.failed
	if t.damaged == nil {
		t.damaged = other.damaged
	}
}

// result is the error of a command that went on after some files failed, nil if none did; done says
// what it did.
func (t tally) result(done string) error {
	switch {
	case t.failed == 0:
		return nil
	case t.damaged != nil: // the words are there already; the exit code is that of damage
		return fmt.Errorf(
			"%s but for %s, see above: %w",
			done,
			wording.Count(t.failed, "file"),
			backupstore.ErrDamaged,
		)
	}
	return fmt.Errorf("%s but for %s, see above", done, wording.Count(t.failed, "file"))
}
