package attended

import (
	"errors"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/cmd/restore"
	"github.com/restorefs/restorefs/materialize"
)

func TestVerifyIsNotAdvisedForAPlainDisk(t *testing.T) {
	r := &restoring{}
	r.o.Decrypt = true
	occupied := &restore.OccupiedError{Err: &materialize.RefusedError{}, Record: "record"}
	err := r.maybeFinished("plain.raw", occupied)
	if !errors.Is(err, occupied) || !strings.Contains(err.Error(), "volume.plain.raw") ||
		strings.Contains(err.Error(), "This proves") {
		t.Errorf("it says %v", err)
	}
}
