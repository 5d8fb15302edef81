package browse

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// writes counts what is written to it.
type writes struct {
	strings.Builder
	count int
	err   error
}

func (w *writes) Write(p []byte) (int, error) {
	w.count++
	if w.err != nil {
		return 0, w.err
	}
	return w.Builder.Write(p)
}

func TestLinesAreGathered(t *testing.T) {
	to := &writes{}
	l := &lines{w: to, wait: time.Hour}
	want := ""
	for i := range 10_000 {
		line := fmt.Sprintf("line %d of the listing\n", i)
		want += line
		if n, err := l.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
		if i == 0 && to.String() != line {
			t.Error("the first line waits")
		}
	}
	if err := l.flush(); err != nil || to.String() != want {
		t.Errorf("%d of %d bytes were written (%v)", to.Len(), len(want), err)
	}
	if most := len(want)/linesBytes + 2; to.count > most {
		t.Errorf("%d writes, more than %d", to.count, most)
	}
}

func TestLinesThatComeNowAndThenAreWrittenAtOnce(t *testing.T) {
	to := &writes{}
	l := &lines{w: to} // all are long after the one before
	for i := range 5 {
		fmt.Fprintln(l, i)
		if to.count != i+1 {
			t.Errorf("line %d waits", i)
		}
	}
}

func TestLinesThatCannotBeWrittenAreAnError(t *testing.T) {
	full := errors.New("no space")
	to := &writes{err: full}
	l := &lines{w: to, wait: time.Hour, begun: time.Now()}
	if _, err := l.Write([]byte("a")); err != nil {
		t.Errorf("of what waits: %v", err)
	}
	if err := l.flush(); !errors.Is(err, full) {
		t.Errorf("of what is written: %v", err)
	}
}
