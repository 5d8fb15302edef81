package attended

import (
	"strings"
	"testing"

	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/restore"
)

func TestADryRunSaysThatThereIsNoRoom(t *testing.T) {
	free := int64(10 << 20)
	p := restore.Plan{Target: "/x", WriteBytes: 20 << 20, FreeBytes: &free}
	if err := fits(p); err == nil || exitcode.Of(err) != exitcode.Failed ||
		!strings.Contains(err.Error(), "would not fit: 20 MiB are to be written, 10 MiB are free") {
		t.Errorf("%v", err)
	}
	p.WriteBytes = free
	if err := fits(p); err != nil {
		t.Error(err)
	}
}
