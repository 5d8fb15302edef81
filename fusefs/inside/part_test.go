package inside

import (
	"errors"
	"testing"
)

type failing struct{}

var errFailing = errors.New("failing")

func (failing) ReadAt([]byte, int64) (int, error) { return 0, errFailing }

func TestAPartThatCannotBeReadIsNotToldToBeUnknown(t *testing.T) {
	_, err := (&Part{Name: "p1", Size: 1 << 30, r: failing{}}).Open(Options{})
	if _, unknown := errors.AsType[*UnreadableError](err); unknown || !errors.Is(err, errFailing) {
		t.Error(err)
	}
}

func TestVolumesOfOneNameHaveTwo(t *testing.T) {
	used := map[string]int{}
	for _, want := range []string{"vg/root", "vg/root~2", "vg/root~3"} {
		if got := another(used, "vg/root"); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}
