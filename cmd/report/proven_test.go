package report

import (
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/cmd/proven"
)

func TestAProofThatFoundDamageIsNoProofThatAllIsRight(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	all := &proven.Proof{At: now, Part: 1, Lost: 512}
	part := &proven.Proof{At: now.Add(time.Hour), Part: 0.05, Lost: 512}
	bad := &proven.Proof{At: now.Add(2 * time.Hour), Part: 0.05, Lost: 512}
	lines := NewProven(proven.Last{All: all, Some: part, Bad: bad}).Lines()
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "512 B DAMAGED") {
		t.Errorf("%q", lines)
	}
	all.OK, part.OK = true, true
	lines = NewProven(proven.Last{All: all, Some: part, Bad: bad}).Lines()
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "all of it") {
		t.Errorf("%q", lines)
	}
}

func TestWhatAnotherBackupHadIsToldOfThatTime(t *testing.T) {
	for _, healed := range []int64{256, 512} {
		bad := &proven.Proof{At: time.Now(), Part: 1, Lost: 512, Healed: healed}
		line := strings.Join(NewProven(proven.Last{All: bad, Bad: bad}).Lines(), "\n")
		if !strings.Contains(line, "another backup had") || !strings.Contains(line, "when it was proven") {
			t.Error(line)
		}
	}
}
