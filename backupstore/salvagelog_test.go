package backupstore

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

// Neighbours are one range, and a disk that is lost all over has no line in the log for each.
func TestLostRangesAreJoinedAndFewAreLogged(t *testing.T) {
	const n = 100
	var log bytes.Buffer
	s := NewSalvage(&Volume{catalog: &Catalog{log: slog.New(slog.NewTextHandler(&log, nil))}}, nil)
	replace := func(off int64) {
		t.Helper()
		p := bytes.Repeat([]byte{1}, 10)
		if err := s.replace(p, off, &DamageError{Backup: "b", Offset: off}); err != nil ||
			!bytes.Equal(p, make([]byte, 10)) {
			t.Fatal(err, p)
		}
	}
	for i := range int64(n) {
		replace(100 * i)
		replace(100*i + 10)
	}
	var want []Range
	for i := range int64(n) {
		want = append(want, Range{Off: 100 * i, Len: 20})
	}
	if got := s.Lost(); !slices.Equal(got, want) {
		t.Errorf("lost: %v", got)
	}
	if got := strings.Count(log.String(), `msg="bytes are lost"`); got != maxTold {
		t.Errorf("%d ranges are logged", got)
	}
	if got := strings.Count(log.String(), "more ranges than are logged"); got != 1 {
		t.Errorf("it is told %d times that there are more", got)
	}
}
