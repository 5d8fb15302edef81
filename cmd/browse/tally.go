package browse

import (
	"errors"
	"fmt"
	"strings"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/files"
	"github.com/restorefs/restorefs/cmd/wording"
)

// tally counts what could not be read while the rest went on.
type tally struct {
	failed  int   // files, or directories of which not all was read
	backups int   // of which nothing could be read
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
	t.backups += other.backups
}

// addBackup counts a backup of which nothing could be read.
func (t *tally) addBackup(err error) {
	t.add(err)
	t.failed--
	t.backups++
}

// result is the error of a command that went on after some files failed, nil if none did; done says
// what it did.
func (t tally) result(done string) error {
	var but []string
	if t.failed > 0 {
		but = append(but, wording.Count(t.failed, "file"))
	}
	if t.backups > 0 {
		but = append(but, wording.Count(t.backups, "backup"))
	}
	switch text := fmt.Sprintf("%s but for %s, see above", done, strings.Join(but, " and ")); {
	case len(but) == 0:
		return nil
	case t.damaged != nil: // the words are there already; the exit code is that of damage
		return fmt.Errorf("%s: %w", text, backupstore.ErrDamaged)
	default:
		return errors.New(text)
	}
}
