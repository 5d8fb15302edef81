package files

import (
	"errors"

	"github.com/restorefs/restorefs/backupstore"
)

// Damaged says whether an error is damage of the backup: another reader of it would
// fail as well.
func Damaged(err error) bool { return errors.Is(err, backupstore.ErrDamaged) }
