package swift

import (
	"errors"
	"strings"
	"testing"
)

func TestAPageIsAnArrayOfNoMoreNamesThanWereAskedFor(t *testing.T) {
	names, err := decodeNames(strings.NewReader(`[{"name":"a"},{"subdir":"b/"}]`), 2)
	if err != nil || len(names) != 2 {
		t.Error(names, err)
	}
	for _, text := range []string{"null", "{}", "", `"a"`} {
		if _, err := decodeNames(strings.NewReader(text), 2); !errors.Is(err, errNoList) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := decodeNames(strings.NewReader("[{},{},{}]"), 2); !errors.Is(err, errTooMany) {
		t.Error(err)
	}
	if _, err := decodeNames(strings.NewReader(`[{"name":"a"}`), 2); err == nil {
		t.Error("half a list is taken")
	}
}
